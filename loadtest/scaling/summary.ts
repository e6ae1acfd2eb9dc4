/** What several numbers of workers came to: text, JSON and a page with a chart. */
import { htmlTable, page } from '../report/html.ts';
import type { LoadReport } from '../report/load-report.ts';
import { chartSvg, escaped } from '../report/svg.ts';
import { duration, figure, table } from '../report/text.ts';

/** A run that held its thresholds: of another there is no figure. */
export interface Measured {
  readonly workers: number;
  /** Of all workers together. */
  readonly slots: number;
  readonly report: LoadReport;
}

export interface ScalingRow {
  readonly workers: number;
  readonly slots: number;
  readonly tasks: number;
  /** From the first claim to the last end, by the ledger's clock. */
  readonly tasksPerSecond: number;
  /** Times as fast as the first row, which has `workers` of 1 as a rule. */
  readonly speedup: number;
  /** What n workers would come to if each added as much as the first. */
  readonly ideal: number;
  readonly waitP95Ms: number;
}

export interface ScalingReport {
  readonly door: string;
  readonly description: string;
  readonly writtenAt: string;
  readonly passed: boolean;
  /** The greatest number of workers must be at least so many times as fast as the first. */
  readonly goal: number;
  readonly rows: readonly ScalingRow[];
}

/** @param efficiency the least part of the ideal that is taken, 0 to 1 */
export function scalingReport(door: string, measured: readonly Measured[], efficiency: number): ScalingReport {
  const first = measured[0];
  const rows = measured.map(
    ({ workers, slots, report }): ScalingRow => ({
      workers,
      slots,
      tasks: report.tasks.completed,
      tasksPerSecond: report.throughput,
      speedup: first ? report.throughput / first.report.throughput : Number.NaN,
      ideal: first ? workers / first.workers : Number.NaN,
      waitP95Ms: report.stages.queueWait?.['p(95)'] ?? Number.NaN,
    }),
  );
  const last = rows.at(-1);
  const goal = (last?.ideal ?? Number.NaN) * efficiency;
  return {
    door,
    description: first?.report.description ?? '',
    writtenAt: new Date().toISOString(),
    passed: last !== undefined && last.speedup >= goal,
    goal,
    rows,
  };
}

const head = ['workers', 'slots', 'tasks', 'tasks/s', 'times one', 'ideal', 'queue wait p95'];
const cells = ({ workers, slots, tasks, tasksPerSecond, speedup, ideal, waitP95Ms }: ScalingRow) => [
  ...[workers, slots, tasks].map(String),
  ...[tasksPerSecond, speedup, ideal].map(figure),
  duration(waitP95Ms),
];

/** By name of the file. */
export function scalingFiles(
  report: ScalingReport,
): Readonly<Record<string, string>> & { 'scaling-by-workers.txt': string } {
  const { door, description, rows, passed, goal } = report;
  const last = rows.at(-1);
  const verdict = `${last?.workers ?? 0} workers are ${figure(last?.speedup ?? Number.NaN)} times as fast as ${rows[0]?.workers ?? 0}; at least ${figure(goal)} is asked for: ${passed ? 'passed' : 'FAILED'}`;
  return {
    'scaling-by-workers.txt': [
      `scaling by ${door}: ${description}`,
      '',
      ...table([head, ...rows.map(cells)]),
      '',
      verdict,
      '',
    ].join('\n'),
    'scaling-by-workers.json': `${JSON.stringify(report, null, 2)}\n`,
    'scaling-by-workers.html': page('Millrace: scaling', [
      `<h1>Scaling by ${escaped(door)}</h1>`,
      `<p>${escaped(description)}. ${escaped(report.writtenAt)}</p>`,
      htmlTable([head, ...rows.map(cells)]),
      `<p class="${passed ? 'held' : 'broken'}">${escaped(verdict)}</p>`,
      chartSvg({
        title: 'Tasks a second by workers',
        xTitle: 'workers',
        yTitle: 'tasks a second',
        xMarks: rows.map(({ workers }) => [workers, String(workers)]),
        lines: [
          { name: 'measured', points: rows.map(({ workers, tasksPerSecond }) => [workers, tasksPerSecond]) },
          {
            name: 'each as much as the first',
            points: rows.map(({ workers, ideal }) => [workers, ideal * (rows[0]?.tasksPerSecond ?? 0)]),
            dashed: true,
          },
        ],
      }),
    ]),
  };
}
