/** `millrace up`: the embedded default in the foreground, until Ctrl-C. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { constants } from 'node:os';
import { fileURLToPath } from 'node:url';
import type { Register } from '../command-line.ts';
import { wholeNumber } from '../options.ts';

const main = fileURLToPath(new URL('../../main.ts', import.meta.url));

export const registerUp: Register = (program, cli) => {
  program
    .command('up')
    .description('start Millrace in the foreground, with all it needs, until Ctrl-C')
    .option('--port <port>', 'of the API; 0 takes any free one (DIFY_PORT)', wholeNumber(0, 65_535))
    .option('--home <folder>', 'the data folder (MILLRACE_HOME)')
    .action(async ({ port, home }: { port?: number; home?: string }) => {
      const child = spawn(process.execPath, [main], {
        env: {
          ...cli.env,
          MODE: 'all',
          ...(port !== undefined && { DIFY_PORT: String(port) }),
          ...(home !== undefined && { MILLRACE_HOME: home }),
        },
        stdio: 'inherit',
      });
      // Ctrl-C reaches the child by the terminal; a signal to this process alone is handed on
      const ignore = () => undefined;
      const hand = () => child.kill('SIGTERM');
      process.on('SIGINT', ignore);
      process.on('SIGTERM', hand);
      try {
        const [code, signal]: (number | NodeJS.Signals | null)[] = await once(child, 'exit');
        cli.endWith(typeof code === 'number' ? code : 128 + (constants.signals[signal as NodeJS.Signals] ?? 0));
      } finally {
        process.off('SIGINT', ignore);
        process.off('SIGTERM', hand);
      }
    });
};
