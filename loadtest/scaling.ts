/**
 * The same backlog with 1, 2 and 3 workers: `node loadtest/scaling.ts --by compose`. Scales, runs k6's scenario
 * `scaling` for each number, plots what came of it, and scales back. Exit codes: 0 the goal is held, 1 it is not or
 * something failed, 2 wrong arguments, 130 broken off by Ctrl-C.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { errorText, MillraceError } from '../worker/errors.ts';
import { findInstallation } from './scaling/api.ts';
import { readArguments } from './scaling/arguments.ts';
import { doorOf } from './scaling/doors.ts';
import { runScaling } from './scaling/k6.ts';
import { runRounds } from './scaling/rounds.ts';
import { sizeFor } from './scaling/size.ts';
import { type Measured, scalingFiles, scalingReport } from './scaling/summary.ts';

/** `LOADTEST_OUT`, made when it is not there, or `loadtest/reports`. Absolute: k6 runs in the checkout, wherever this was started. */
const reports = resolve(process.env.LOADTEST_OUT || fileURLToPath(new URL('./reports', import.meta.url)));
/** Settings of k6's scenario that this test sets itself, by the slots that are there. */
const ownSettings = ['LOADTEST_TASKS', 'LOADTEST_SLEEP_MS', 'LOADTEST_DRAIN_SECONDS', 'LOADTEST_ENQUEUE_P95_MS'];

async function main(signal: AbortSignal): Promise<number> {
  const chosen = readArguments(process.argv.slice(2));
  refuseOwnSettings();
  const installation = await findInstallation(process.env);
  const door = doorOf(chosen);
  const measured = await runRounds({
    door,
    installation,
    workers: chosen.workers,
    signal,
    async measure(live): Promise<Measured> {
      const size = sizeFor(live, Math.max(...chosen.workers), chosen);
      const folder = `${reports}/scaling-${live.length}`;
      await mkdir(folder, { recursive: true });
      const report = await runScaling({ installation, size, folder, signal });
      console.log(
        `  ${report.throughput.toFixed(1)} tasks/s, ${report.tasks.completed} of ${report.tasks.accepted} completed`,
      );
      return { workers: live.length, slots: live.reduce((sum, { slots }) => sum + slots.capacity, 0), report };
    },
  });
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

/** Ctrl-C breaks the round off; a second one ends this process as it is. */
function breakOff(): AbortSignal {
  const controller = new AbortController();
  const stop = (name: NodeJS.Signals) => {
    process.off('SIGINT', stop).off('SIGTERM', stop);
    console.error(
      `scaling: ${name}: breaks the round off and scales back; a second one leaves the workers as they are`,
    );
    controller.abort(new MillraceError({ code: 'interrupted', message: `${name}: nothing was compared.` }));
  };
  process.on('SIGINT', stop).on('SIGTERM', stop);
  return controller.signal;
}

const exitCodes: Readonly<Record<string, number>> = { arguments_invalid: 2, interrupted: 130 };

try {
  process.exitCode = await main(breakOff());
} catch (error) {
  const hint = error instanceof MillraceError && error.hint !== undefined ? ` ${error.hint}` : '';
  console.error(`scaling: ${errorText(error)}${hint}`);
  process.exitCode = (error instanceof MillraceError && exitCodes[error.code]) || 1;
}
