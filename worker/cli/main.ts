/** `millrace …`: the command line, as a process. docs/reference/cli.md lists its commands and exit codes. */
import { enableCompileCache } from 'node:module';

// types stripped and code compiled once, not at every command
enableCompileCache();
const { runCommandLine } = await import('./run.ts');

// a reader that has seen enough (head, less) ends the command, and is no error
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit(0);
});

const { exitCode, leavesBehind } = await runCommandLine(process.argv.slice(2), {
  env: process.env,
  output: process.stdout,
  errors: process.stderr,
  input: process.stdin,
  interruption: () => {
    const interrupted = new AbortController();
    process.once('SIGINT', () => interrupted.abort());
    return interrupted.signal;
  },
});
process.exitCode = exitCode;
if (leavesBehind) process.exit();
