/** The report as plain text. */

import type { LoadReport } from './load-report.ts';
import { type Stage, stages } from './names.ts';

export const stageTitles: Readonly<Record<Stage, string>> = {
  enqueue: 'enqueue (the sender waits for 202)',
  queueWait: 'queue wait (accepted to claimed)',
  service: 'service (claimed to ended)',
  endToEnd: 'end to end (accepted to ended)',
};

/** The columns of times: k6's own names of what a Trend is summed up by. */
export const columns = ['count', 'p(50)', 'p(90)', 'p(95)', 'p(99)', 'max'] as const;

/** Milliseconds, or seconds from one on, with three digits that matter: "0.84 ms", "12.5 ms", "3.20 s". */
export function duration(milliseconds: number): string {
  return milliseconds >= 1000 ? `${figure(milliseconds / 1000)} s` : `${figure(milliseconds)} ms`;
}

/** A number with three digits that matter, at most two of them behind the point: "0.84", "12.5", "3210". */
export function figure(value: number): string {
  if (!Number.isFinite(value)) return '-';
  const digits = Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value) || 1)));
  return value.toFixed(Math.min(2, digits));
}

/** "-" where the run has no such figure. */
export function cellOf(column: (typeof columns)[number], value: number | undefined): string {
  if (value === undefined) return '-';
  return column === 'count' ? String(value) : duration(value);
}

/** The whole report, as it is printed and as the .txt file holds it. */
export function reportText(report: LoadReport): string {
  const { tasks } = report;
  const rows = stages.flatMap((stage) => {
    const figures = report.stages[stage];
    return figures === undefined ? [] : [[stageTitles[stage], ...columns.map((name) => cellOf(name, figures[name]))]];
  });
  return [
    `${report.scenario} against ${report.url}: ${report.passed ? 'passed' : 'FAILED'}`,
    report.description,
    '',
    `accepted ${tasks.accepted}   completed ${tasks.completed}   failed ${tasks.failed}   lost ${tasks.lost}   refused ${tasks.refused}`,
    `${figure(report.throughput)} ended a second, ${report.workers} worker process${report.workers === 1 ? '' : 'es'}, ${figure(report.seconds)} s in all`,
    '',
    ...table([['', ...columns], ...rows]),
    '',
    ...report.thresholds.map(({ metric, expression, ok }) => `${ok ? 'held  ' : 'BROKEN'}  ${metric} ${expression}`),
    '',
  ].join('\n');
}

/** Lines with aligned columns: the first to the left, the others to the right. */
export function table(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, at) => Math.max(...rows.map((cells) => cells[at]?.length ?? 0)));
  return rows.map((cells) =>
    cells
      .map((cell, at) => (at === 0 ? cell.padEnd(widths[at] ?? 0) : cell.padStart(widths[at] ?? 0)))
      .join('  ')
      .trimEnd(),
  );
}
