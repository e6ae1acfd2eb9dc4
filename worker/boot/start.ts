/** The life of every process: reads the environment, starts what MODE says, stops it on a signal. */

import { readConfig } from '../config/config.ts';
import { errorText, StartError } from '../errors.ts';
import { databaseStartError } from './database-errors.ts';
import { exitConfig, exitFailed, exitWorn } from './exit-codes.ts';
import { openLog } from './log.ts';
import { run } from './run.ts';

const startedAt = Date.now() - Math.round(performance.now());

async function main(): Promise<number> {
  const config = readConfig(process.env);
  const log = openLog(config);
  process.on('unhandledRejection', (reason) => log.error({ err: reason }, 'an error was not handled'));
  const stopped = signalled();
  const running = await run(config, log, startedAt).catch((error: unknown) => {
    throw databaseStartError(config, error) ?? error;
  });
  if (!running) return 0;
  const worn = await Promise.race([stopped, running.worn.then((reason) => ({ reason }))]);
  const exitCode = typeof worn === 'string' ? 0 : exitWorn;
  if (typeof worn === 'string') log.info({ signal: worn }, 'stopping; a second signal ends at once');
  else
    log.warn(
      { reason: worn.reason, exit_code: exitCode },
      'draining, to be started anew by what supervises this process',
    );
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(exitFailed));
  await running.stop();
  log.info('stopped');
  return exitCode;
}

/** The first of the signals that ask a process to end. */
function signalled(): Promise<string> {
  return new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve(signal));
  });
}

try {
  process.exit(await main());
} catch (error) {
  if (error instanceof StartError) {
    process.stderr.write(`millrace: ${error.code}: ${errorText(error)}\n${error.hint ? `${error.hint}\n` : ''}`);
    process.exit(exitConfig);
  }
  process.stderr.write(`millrace: an error of Millrace itself ended the process: ${errorText(error)}\n`);
  if (process.env.LOG_LEVEL === 'DEBUG' && error instanceof Error) process.stderr.write(`${error.stack}\n`);
  process.exit(exitFailed);
}
