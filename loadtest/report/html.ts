/** The report as one page that needs no other file and no network. */

import type { LoadReport } from './load-report.ts';
import { percentiles, type Stage, stages } from './names.ts';
import { type Chart, chartSvg, escaped } from './svg.ts';
import { cellOf, columns, duration, figure, stageTitles } from './text.ts';

export const style = `
  body { font: 15px/1.5 system-ui, sans-serif; max-width: 780px; margin: 2em auto; padding: 0 1em; color: #1f2328; background: #fff }
  h1 { font-size: 1.4em } h2 { font-size: 1.1em; margin-top: 2em }
  table { border-collapse: collapse } th, td { padding: .25em .8em; border-bottom: 1px solid #d0d7de; text-align: right }
  th:first-child, td:first-child { text-align: left } .held { color: #1a7f37 } .broken { color: #cf222e; font-weight: bold }
  svg { max-width: 100%; height: auto; font-size: 12px; fill: #57606a; margin-top: 1em } svg .title { font-size: 14px; fill: #1f2328 }
  svg .grid { stroke: #d0d7de; stroke-width: 1 }`;

export function page(title: string, body: readonly string[]): string {
  return [
    '<!doctype html>',
    `<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${escaped(title)}</title><style>${style}</style></head>`,
    '<body>',
    ...body,
    '</body></html>',
    '',
  ].join('\n');
}

export function htmlTable(rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[], tag: string) =>
    `<tr>${cells.map((cell) => `<${tag}>${escaped(cell)}</${tag}>`).join('')}</tr>`;
  return `<table>${rows.map((cells, n) => line(cells, n === 0 ? 'th' : 'td')).join('\n')}</table>`;
}

export function reportHtml(report: LoadReport): string {
  const { tasks } = report;
  const title = `Millrace load test: ${report.scenario}`;
  return page(title, [
    `<h1>${escaped(title)}: <span class="${report.passed ? 'held' : 'broken'}">${report.passed ? 'passed' : 'failed'}</span></h1>`,
    `<p>${escaped(report.description)}; against ${escaped(report.url)}, ${report.workers} worker process${report.workers === 1 ? '' : 'es'}, ${escaped(report.writtenAt)}.</p>`,
    '<h2>Tasks</h2>',
    htmlTable([
      ['accepted', 'completed', 'failed', 'lost', 'refused', 'ended a second'],
      [
        ...[tasks.accepted, tasks.completed, tasks.failed, tasks.lost, tasks.refused].map(String),
        figure(report.throughput),
      ],
    ]),
    '<h2>Times</h2>',
    htmlTable([['', ...columns], ...stages.flatMap((stage) => rowOf(report, stage))]),
    '<p>Enqueue by k6’s clock; the others between times that Postgres wrote into the ledger, one clock.</p>',
    ...chartsOf(report).map(chartSvg),
    '<h2>Thresholds</h2>',
    '<ul>',
    ...report.thresholds.map(
      ({ metric, expression, ok }) =>
        `<li class="${ok ? 'held' : 'broken'}">${escaped(`${metric} ${expression}`)}: ${ok ? 'held' : 'broken'}</li>`,
    ),
    '</ul>',
  ]);
}

function rowOf(report: LoadReport, stage: Stage): string[][] {
  const figures = report.stages[stage];
  return figures === undefined ? [] : [[stageTitles[stage], ...columns.map((name) => cellOf(name, figures[name]))]];
}

function chartsOf(report: LoadReport): Chart[] {
  const lines = stages.flatMap((stage) => {
    const figures = report.stages[stage];
    if (figures === undefined) return [];
    const points = [...percentiles.map((percentile) => figures[`p(${percentile})`]), figures.max];
    return [
      {
        name: stageTitles[stage].replace(/ \(.*/, ''),
        points: points.map((value, n) => [n, value ?? 0] as const),
        // where tasks wait long it is what the queue wait is: that line shows through
        dashed: stage === 'endToEnd',
      },
    ];
  });
  const { accepted, ended } = report.overTime;
  const seconds = Math.max(accepted.length, ended.length, 2);
  const series = (counts: readonly number[]) => Array.from({ length: seconds }, (_, n) => [n, counts[n] ?? 0] as const);
  const times: Chart = {
    title: 'Times by percentile',
    xTitle: 'percentile',
    yTitle: 'time',
    lines,
    xMarks: [...percentiles.map((percentile, n) => [n, String(percentile)] as const), [percentiles.length, 'max']],
    logarithmic: true,
    yLabel: (milliseconds) => duration(milliseconds).replace(/\.0+(?= )/, ''),
  };
  const overTime: Chart = {
    title: 'Tasks by second',
    xTitle: 'seconds since the run began',
    yTitle: 'tasks a second',
    xMarks: [0, 0.25, 0.5, 0.75, 1].map((part) => Math.round(part * (seconds - 1))).map((n) => [n, String(n)] as const),
    lines: [
      { name: 'accepted', points: series(accepted) },
      { name: 'ended', points: series(ended) },
    ],
  };
  return [...(lines.length > 0 ? [times] : []), ...(ended.length > 0 ? [overTime] : [])];
}
