/**
 * The same backlog with 1, 2 and 3 workers: `node loadtest/scaling.ts --by compose`. Scales, runs k6's scenario
 * `scaling` for each number, plots what came of it, and scales back. Exit codes: 0 the goal is held, 1 it is not or
 * something failed, 2 wrong arguments.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { errorText, MillraceError } from '../worker/errors.ts';
import { findInstallation } from './scaling/api.ts';
import { readArguments } from './scaling/arguments.ts';
import { type Door, doorOf } from './scaling/doors.ts';
import { runScaling } from './scaling/k6.ts';
import { sizeFor } from './scaling/size.ts';
import { type Measured, scalingFiles, scalingReport } from './scaling/summary.ts';

/** `LOADTEST_OUT`, made when it is not there, or `loadtest/reports`. Absolute: k6 runs in the checkout, wherever this was started. */
const reports = resolve(process.env.LOADTEST_OUT || fileURLToPath(new URL('./reports', import.meta.url)));
/** Settings of k6's scenario that this test sets itself, by the slots that are there. */
const ownSettings = ['LOADTEST_TASKS', 'LOADTEST_SLEEP_MS', 'LOADTEST_DRAIN_SECONDS', 'LOADTEST_ENQUEUE_P95_MS'];

async function main(): Promise<number> {
  const chosen = readArguments(process.argv.slice(2));
  refuseOwnSettings();
  const installation = await findInstallation(process.env);
  const door = doorOf(chosen);
  const atFirst = (await installation.workers()).length;
  let standing = atFirst;
  const measured: Measured[] = [];
  try {
    for (const workers of chosen.workers) {
      console.log(`${door.name}: ${workers} worker${workers === 1 ? '' : 's'}`);
      standing = workers;
      await door.scale(workers);
      const live = await installation.untilWorkers(workers);
      const size = sizeFor(live, Math.max(...chosen.workers), chosen);
      const folder = `${reports}/scaling-${workers}`;
      await mkdir(folder, { recursive: true });
      const report = await runScaling({ installation, size, folder });
      console.log(
        `  ${report.throughput.toFixed(1)} tasks/s, ${report.tasks.completed} of ${report.tasks.accepted} completed`,
      );
      measured.push({ workers, slots: live.reduce((sum, { slots }) => sum + slots.capacity, 0), report });
    }
  } finally {
    // what went wrong before is the better answer: this only says so
    if (atFirst > 0 && atFirst !== standing) await scaleBack(door, atFirst);
  }
  const report = scalingReport(door.name, measured, chosen.efficiency);
  for (const [name, content] of Object.entries(scalingFiles(report))) await writeFile(`${reports}/${name}`, content);
  console.log(
    `\n${scalingFiles(report)['scaling-by-workers.txt']}\nwritten to ${reports}/scaling-by-workers.html, .json and .txt`,
  );
  return report.passed ? 0 : 1;
}

/** What would be overwritten is refused, so that nobody takes a figure for another's. */
function refuseOwnSettings(): void {
  const given = ownSettings.filter((name) => process.env[name]);
  if (given.length === 0) return;
  throw new MillraceError({
    code: 'arguments_invalid',
    message: `${given.join(', ')}: expected to be unset, because this test sizes its backlog itself.`,
    hint: 'The options --tasks and --sleep-ms set its size.',
  });
}

async function scaleBack(door: Door, workers: number): Promise<void> {
  console.log(`${door.name}: back to ${workers}`);
  await door.scale(workers).catch((error: unknown) => {
    console.error(`scaling: there are not ${workers} workers again as before: ${errorText(error)}`);
  });
}

try {
  process.exitCode = await main();
} catch (error) {
  const hint = error instanceof MillraceError && error.hint !== undefined ? ` ${error.hint}` : '';
  console.error(`scaling: ${errorText(error)}${hint}`);
  process.exitCode = error instanceof MillraceError && error.code === 'arguments_invalid' ? 2 : 1;
}
