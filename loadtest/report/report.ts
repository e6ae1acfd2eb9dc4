/** From what k6 hands to `handleSummary` to the report: text, JSON and a page. */
import { reportHtml } from './html.ts';
import type { LoadReport, Threshold } from './load-report.ts';
import { metricNames, stages } from './names.ts';
import { reportText } from './text.ts';

/** What k6 hands over, as far as it is used here. */
export interface K6Summary {
  readonly metrics: Readonly<
    Record<
      string,
      {
        readonly type: string;
        readonly values: Readonly<Record<string, number>>;
        readonly thresholds?: Readonly<Record<string, { readonly ok: boolean }>>;
      }
    >
  >;
  readonly state: { readonly testRunDurationMs: number };
}

export interface About {
  readonly scenario: string;
  /** What was sent, and how. */
  readonly description: string;
  readonly url: string;
  /** Of the files; its folders must be there. */
  readonly folder: string;
}

/** Files by name for k6 to write, and `stdout`. Nothing when the run was broken off before anything was sent. */
export function reportFiles(data: K6Summary, about: About): Record<string, string> {
  const report = loadReport(data, about);
  if (report.tasks.accepted + report.tasks.refused === 0) return {};
  const path = `${about.folder}/${about.scenario}`;
  const text = reportText(report);
  return {
    stdout: `\n${text}\nwritten to ${path}.html, ${path}.json and ${path}.txt\n`,
    [`${path}.txt`]: text,
    [`${path}.json`]: `${JSON.stringify(report, null, 2)}\n`,
    [`${path}.html`]: reportHtml(report),
  };
}

export function loadReport({ metrics, state }: K6Summary, about: About): LoadReport {
  const value = (name: string, key: string) => metrics[name]?.values[key] ?? 0;
  const count = (name: string) => value(name, 'count');
  const tasks = {
    accepted: count(metricNames.accepted),
    completed: count(metricNames.completed),
    failed: count(metricNames.failed),
    lost: count(metricNames.lost),
    refused: count(metricNames.refused),
  };
  const thresholds = [...thresholdsOf(metrics), ...brokenAccount(tasks)];
  const ended = tasks.completed + tasks.failed;
  const seconds = (value(metricNames.lastFinished, 'max') - value(metricNames.firstAccepted, 'min')) / 1000;
  const figures = stages.flatMap((stage) => {
    const trend = metrics[metricNames[stage]];
    return trend === undefined || trend.values.count === 0 ? [] : [[stage, trend.values] as const];
  });
  return {
    scenario: about.scenario,
    description: about.description,
    url: about.url,
    writtenAt: new Date().toISOString(),
    passed: thresholds.every(({ ok }) => ok),
    seconds: state.testRunDurationMs / 1000,
    workers: value(metricNames.workers, 'value'),
    tasks,
    throughput: value(metricNames.throughput, 'value') || (seconds > 0 ? ended / seconds : 0),
    stages: Object.fromEntries(figures),
    overTime: {
      accepted: seriesOf(metrics, metricNames.acceptedAt),
      ended: seriesOf(metrics, metricNames.endedAt),
    },
    thresholds,
  };
}

/** A run that was broken off has sent tasks that nobody looked for afterwards: no threshold of k6's can compare two counters. */
function brokenAccount({ accepted, completed, failed, lost }: LoadReport['tasks']): Threshold[] {
  if (accepted === completed + failed + lost) return [];
  return [{ metric: metricNames.accepted, expression: 'count==completed+failed+lost', ok: false }];
}

const bySecond = /^(.+)\{second:(\d+)\}$/;

/** What was judged; not the thresholds that only make k6 keep samples by second. */
function thresholdsOf(metrics: K6Summary['metrics']): Threshold[] {
  return Object.entries(metrics).flatMap(([metric, { thresholds = {} }]) =>
    bySecond.test(metric) ? [] : Object.entries(thresholds).map(([expression, { ok }]) => ({ metric, expression, ok })),
  );
}

/** By second, up to the last with a sample. */
function seriesOf(metrics: K6Summary['metrics'], name: string): number[] {
  const series: number[] = [];
  for (const [key, { values }] of Object.entries(metrics)) {
    const [, metric, second] = bySecond.exec(key) ?? [];
    if (metric === name && (values.count ?? 0) > 0) series[Number(second)] = values.count ?? 0;
  }
  return Array.from(series, (count) => count ?? 0);
}
