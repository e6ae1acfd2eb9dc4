/**
 * Removes the data that a stack leaves behind when it is destroyed: its volumes.
 *   node stacks/wipe.ts STACK [--yes]
 * Asks first; without a terminal it needs --yes. Exit codes: 0 removed or nothing there, 1 refused or failed, 2 not
 * understood, 78 settings that make no sense.
 */
import { execFile } from 'node:child_process';
import { createInterface } from 'node:readline/promises';
import { promisify } from 'node:util';
import { errorText, MillraceError } from '../worker/errors.ts';
import { nameOf } from './name.ts';
import { stackNames } from './stack.ts';
import { volumesOf } from './volumes.ts';

const answerWithinMs = 120_000;
/** EX_CONFIG of sysexits.h. */
const wrongConfiguration = 78;
const run = promisify(execFile);

/** @throws MillraceError `docker_failed` with what docker says */
async function docker(...args: readonly string[]): Promise<readonly string[]> {
  try {
    const { stdout } = await run('docker', [...args], { timeout: answerWithinMs });
    return stdout.split('\n').filter((line) => line !== '');
  } catch (cause) {
    const said = cause instanceof Error && 'stderr' in cause ? String(cause.stderr).trim() : '';
    throw new MillraceError({
      code: 'docker_failed',
      message: `docker ${args.slice(0, 2).join(' ')} failed: ${said || errorText(cause)}`,
      hint: 'Expected a Docker Engine that answers, and volumes that no container uses.',
      cause,
    });
  }
}

async function agreed(question: string): Promise<boolean> {
  if (!process.stdin.isTTY) return false;
  const terminal = createInterface({ input: process.stdin, output: process.stdout });
  const answer = await terminal.question(question);
  terminal.close();
  return answer.trim() === 'yes';
}

/** @returns the exit code */
async function wipe(stack: string, yes: boolean): Promise<number> {
  const name = nameOf(stack);
  const [containers, found] = await Promise.all([
    docker('ps', '--all', '--filter', `label=com.millrace.stack=${name}`, '--format', '{{.Names}}'),
    docker('volume', 'ls', '--filter', `name=${name}-`, '--format', '{{.Name}}'),
  ]);
  if (containers.length > 0) {
    console.error(`The stack ${stack} stands (${containers.length} containers). First: npx cdktf destroy ${stack}`);
    return 1;
  }
  const volumes = volumesOf(name, found);
  if (volumes.length === 0) {
    console.log(`Nothing is left of the stack ${stack}.`);
    return 0;
  }
  console.log(volumes.join('\n'));
  if (
    !yes &&
    !(await agreed(`Remove these ${volumes.length} volumes, with all tasks, documents and passwords? (yes/no) `))
  ) {
    console.error(`Nothing was removed. To remove without being asked: make wipe STACK=${stack} YES=1`);
    return 1;
  }
  await docker('volume', 'rm', ...volumes);
  console.log(`Removed ${volumes.length} volumes.`);
  return 0;
}

const [stack, flag] = process.argv.slice(2);
const known = stackNames.find((name) => name === stack);
if (known === undefined || (flag !== undefined && flag !== '--yes')) {
  console.error(
    `Expected a stack (${stackNames.join(', ')}), and --yes or nothing; got "${process.argv.slice(2).join(' ')}".`,
  );
  process.exitCode = 2;
} else {
  try {
    process.exitCode = await wipe(known, flag === '--yes');
  } catch (error) {
    if (!(error instanceof MillraceError)) throw error;
    console.error(`${error.code}: ${error.message}${error.hint === undefined ? '' : `\n${error.hint}`}`);
    process.exitCode = error.code === 'docker_failed' ? 1 : wrongConfiguration;
  }
}
