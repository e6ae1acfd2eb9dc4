/**
 * Removes the data that a stack leaves behind when it is destroyed: its volumes.
 *   node stacks/wipe.ts STACK [--yes]
 * Asks first; without a terminal it needs --yes. Exit codes: 0 removed or nothing there, 1 refused, 2 not understood.
 */
import { execFile } from 'node:child_process';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline/promises';
import { promisify } from 'node:util';
import { readSettings, valuesOf } from './settings.ts';
import { topologies } from './stack.ts';

const answerWithinMs = 120_000;
const run = promisify(execFile);

async function namesOf(...args: readonly string[]): Promise<readonly string[]> {
  const { stdout } = await run('docker', [...args], { timeout: answerWithinMs });
  return stdout.split('\n').filter((line) => line !== '');
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
  const { project } = readSettings(valuesOf(process.env, join(resolve(import.meta.dirname, '..'), 'compose/.env')));
  const prefix = `${project}-${stack}-`;
  const [containers, found] = await Promise.all([
    namesOf('ps', '--all', '--filter', `label=com.millrace.stack=${project}-${stack}`, '--format', '{{.Names}}'),
    namesOf('volume', 'ls', '--filter', `name=${prefix}`, '--format', '{{.Name}}'),
  ]);
  if (containers.length > 0) {
    console.error(`The stack ${stack} stands (${containers.length} containers). First: npx cdktf destroy ${stack}`);
    return 1;
  }
  // Docker's filter finds the text anywhere in a name.
  const volumes = found.filter((name) => name.startsWith(prefix));
  if (volumes.length === 0) {
    console.log(`Nothing is left of the stack ${stack}.`);
    return 0;
  }
  console.log(volumes.join('\n'));
  if (
    !yes &&
    !(await agreed(`Remove these ${volumes.length} volumes, with all tasks, documents and passwords? (yes/no) `))
  ) {
    console.error('Nothing was removed. To remove without being asked: YES=1 make wipe STACK=…');
    return 1;
  }
  await namesOf('volume', 'rm', ...volumes);
  console.log(`Removed ${volumes.length} volumes.`);
  return 0;
}

const [stack, flag] = process.argv.slice(2);
const known = topologies.find((topology) => topology === stack);
if (known === undefined || (flag !== undefined && flag !== '--yes')) {
  console.error(
    `Expected a stack (${topologies.join(', ')}), and --yes or nothing; got "${process.argv.slice(2).join(' ')}".`,
  );
  process.exitCode = 2;
} else {
  process.exitCode = await wipe(known, flag === '--yes');
}
