/**
 * `npm run check`: is the tree in order? Runs every check, two at a time, also after one failed; prints a line for each,
 * and only for a failed one what it said, and why for one that cannot be made on this machine. `--report FILE` writes `{passed, failed, skipped, failures}`. Exits 1 when one failed.
 */
import { writeFileSync } from 'node:fs';
import { readOptions } from '../options.ts';
import { runGroup } from '../process-group.ts';
import { failureText } from '../test/suites.ts';
import { type Check, checks } from './checks.ts';
import { notCheckedExit } from './not-checked.ts';

const parallel = 2;
const limitSeconds = 300;
/** Enough of a failed check's output to work with; tsc on a broken tree says megabytes. */
const maxOutputChars = 20_000;

type State = 'passed' | 'failed' | 'skipped';

const failures: string[] = [];

async function run({ name, command }: Check): Promise<State> {
  let output = '';
  const { exitCode, timedOut, seconds } = await runGroup(command, {
    limitSeconds,
    stdio: ['ignore', 'pipe', 'pipe'],
    onStart(child) {
      for (const stream of [child.stdout, child.stderr]) {
        stream?.setEncoding('utf8').on('data', (text: string) => {
          if (output.length < maxOutputChars) output += text;
        });
      }
    },
  });
  const state = timedOut || ![0, notCheckedExit].includes(exitCode) ? 'failed' : exitCode === 0 ? 'passed' : 'skipped';
  const said = {
    passed: 'ok',
    failed: timedOut ? `ended by force after ${limitSeconds} s` : 'failed',
    skipped: `not checked: ${output.split('\n')[0] ?? ''}`,
  };
  console.log(`${name.padEnd(16)} ${seconds.toFixed(1).padStart(6)} s  ${said[state]}`);
  if (state === 'failed') {
    console.log(indented(output));
    failures.push(failureText(name, output));
  }
  return state;
}

function indented(output: string): string {
  const cut = output.length > maxOutputChars ? `${output.slice(0, maxOutputChars)}\n… (cut)` : output;
  return cut.trimEnd().replaceAll(/^/gm, '    ');
}

const { values } = readOptions({
  allowPositionals: false,
  usage: 'npm run check [-- --report FILE]: FILE gets {passed, failed, skipped, failures}',
  options: { report: { type: 'string' } },
});
const waiting = [...checks()];
const results: State[] = [];
async function lane(): Promise<void> {
  for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) results.push(await run(next));
}
await Promise.all(Array.from({ length: parallel }, lane));
const count = (state: State) => results.filter((result) => result === state).length;
const counts = { passed: count('passed'), failed: count('failed'), skipped: count('skipped'), failures };
if (values.report !== undefined) writeFileSync(values.report, JSON.stringify(counts));
process.exitCode = counts.failed > 0 ? 1 : 0;
