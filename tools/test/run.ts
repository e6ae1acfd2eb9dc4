/**
 * `make test`: every suite in turn, going on after one that fails. Each suite's time stands beside its budget; the last
 * line is `N passed, N failed` over all, and before the times stands again what failed and why, since a long log is
 * seldom kept whole. Exits 1 when anything failed. Names given as arguments choose suites.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type GroupResult, runGroup } from '../process-group.ts';
import { type Counts, type Suite, suites } from './suites.ts';

interface Outcome extends Counts {
  readonly suite: Suite;
  readonly result: GroupResult;
}

/** What a suite says of itself, mended by how it ended: a crash, or a report that is missing, is one failed. */
function countsOf(suite: Suite, { exitCode, timedOut }: GroupResult, reportFile: string): Counts {
  const ended = exitCode === 0 && !timedOut;
  const why = timedOut ? `ended by force after ${suite.limitSeconds} s` : `ended with code ${exitCode}`;
  const bare: Counts = { passed: ended ? 1 : 0, failed: ended ? 0 : 1, skipped: 0, failures: ended ? [] : [why] };
  if (suite.counts === undefined) return bare;
  try {
    const counts = suite.counts(reportFile);
    return !ended && counts.failed === 0 ? { ...counts, failed: 1, failures: [why] } : counts;
  } catch {
    return { passed: 0, failed: 1, skipped: 0, failures: ['no report that can be read'] };
  }
}

async function runSuite(suite: Suite, folder: string): Promise<Outcome> {
  console.log(`\n== ${suite.name} (budget ${suite.budgetSeconds} s, limit ${suite.limitSeconds} s)`);
  const reportFile = join(folder, `${suite.name}.json`);
  const result = await runGroup(['tools/run', ...suite.command(reportFile)], {
    limitSeconds: suite.limitSeconds,
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  if (result.timedOut) console.log(`== ${suite.name}: ended by force after ${suite.limitSeconds} s`);
  return { suite, result, ...countsOf(suite, result, reportFile) };
}

function line({ suite, result, passed, failed, skipped }: Outcome): string {
  const time = `${result.seconds.toFixed(1)} s of ${suite.budgetSeconds} s`;
  const remarks = [
    ...(result.timedOut ? ['ended by force'] : []),
    ...(result.seconds > suite.budgetSeconds ? ['over its budget'] : []),
    ...(skipped > 0 ? [`${skipped} skipped`] : []),
  ];
  const remark = remarks.length > 0 ? `  (${remarks.join(', ')})` : '';
  return `${suite.name.padEnd(12)} ${time.padStart(18)}  passed ${String(passed).padStart(5)}  failed ${String(failed).padStart(3)}${remark}`;
}

function chosen(names: readonly string[]): readonly Suite[] {
  const unknown = names.filter((name) => !suites.some((suite) => suite.name === name));
  if (unknown.length > 0) {
    console.error(`unknown suite ${unknown.join(', ')}; there are ${suites.map(({ name }) => name).join(', ')}`);
    process.exit(64);
  }
  return names.length === 0 ? suites : suites.filter(({ name }) => names.includes(name));
}

const toRun = chosen(process.argv.slice(2));
const folder = mkdtempSync(join(tmpdir(), 'millrace-test-reports-'));
const outcomes: Outcome[] = [];
try {
  for (const suite of toRun) outcomes.push(await runSuite(suite, folder));
} finally {
  rmSync(folder, { recursive: true, force: true });
}
for (const { suite, failures } of outcomes) {
  for (const failure of failures) console.log(`\n${suite.name} failed: ${failure}`);
}
const sum = (of: (counts: Counts) => number) => outcomes.reduce((total, outcome) => total + of(outcome), 0);
const failed = sum((counts) => counts.failed);
console.log(`\n${outcomes.map(line).join('\n')}\n\n${sum((counts) => counts.passed)} passed, ${failed} failed`);
process.exitCode = failed > 0 ? 1 : 0;
