/** docs/reference/query-plans.md, from what was measured. */
import { fileURLToPath } from 'node:url';
import { table } from '../../docs/markdown.ts';
import { figure, type Machine } from '../report.ts';
import type { LedgerSizes } from './database.ts';
import { type PlanNode, pagesOf } from './explain.ts';
import { liveRows, tenants } from './fill.ts';
import type { Measured } from './hot-path.ts';

export const pagePath = fileURLToPath(new URL('../../../docs/reference/query-plans.md', import.meta.url));

export interface PlansPage {
  readonly rows: number;
  readonly days: number;
  readonly sizes: LedgerSizes;
  readonly empty: Measured;
  readonly full: Measured;
  readonly machine: Machine;
}

const count = (value: number) => value.toLocaleString('en-US');

/** Which tables a plan reads, and how; the days of one table as one. */
function readsOf(node: PlanNode): string[] {
  const table = (node['Relation Name'] ?? '').replace(/_\d{8}$/, '_<day>');
  const index = (node['Index Name'] ?? '').replace(/_\d{8}/, '_<day>');
  const own =
    node['Actual Loops'] === 0
      ? []
      : index !== ''
        ? [`index ${index}`]
        : node['Node Type'] === 'Seq Scan'
          ? [`all of ${table}`]
          : [];
  return [...new Set([...own, ...(node.Plans ?? []).flatMap(readsOf)])];
}

function planLines(node: PlanNode, depth = 0): string[] {
  const what = node['Index Name'] ?? node['Relation Name'];
  const pages = pagesOf(node);
  const rows = count(Math.round(node['Actual Rows'] * node['Actual Loops']));
  const never = node['Actual Loops'] === 0;
  const told = never ? 'never run' : `${rows} rows, ${count(pages)} pages`;
  const line = `${'  '.repeat(depth)}${node['Node Type']}${what === undefined ? '' : ` ${what}`}: ${told}`;
  return [line, ...(never ? [] : (node.Plans ?? []).flatMap((child) => planLines(child, depth + 1)))];
}

export function plansPage({ rows, days, sizes, empty, full, machine }: PlansPage): string {
  const perRow = Math.round(sizes.finishedBytes / rows);
  const intro = `What the statements of the hot path cost beside ${count(rows)} finished tasks that ended over ${days} days, and beside none; in both,
${count(liveRows)} tasks of ${tenants} tenants wait. Each is run by the function that a process runs it with, four times, each time taken back;
the median of the last three stands here, with the pages of 8 KiB that the last one looked at. Postgres ${sizes.version}, ${machine.cpu},
${machine.cores} cores. The finished rows take ${figure(sizes.finishedBytes / 1e9)} GB with their indexes (${perRow} bytes a task without a payload), the live ones
${figure(sizes.liveBytes / 1e6)} MB. \`make bench-ledger BENCH="--rows 100000000"\` does the same with a hundred million.

Times of a busy machine say little; pages and plans are the same on every machine. A statement that looks at more pages beside
more finished rows is one that grows with them.`;
  const lines = full.statements.map((one, index) => {
    const before = empty.statements.find(({ step, name }) => step === one.step && name === one.name);
    return [
      `[${one.step}](#plan-${index + 1})`,
      one.times > 1 ? `${one.name} (the slowest of ${one.times})` : one.name,
      figure(before?.medianMs ?? Number.NaN),
      figure(one.medianMs),
      before ? count(before.pages) : '-',
      count(one.pages),
      readsOf(one.plan).join(', '),
    ];
  });
  const plans = full.statements.map((one, index) =>
    [
      `### Plan ${index + 1}`,
      `${one.step}: ${one.name}, beside ${count(rows)} finished tasks.`,
      `\`\`\`text\n${planLines(one.plan).join('\n')}\n\`\`\``,
    ].join('\n\n'),
  );
  return [
    '<!-- Written by `make bench-ledger` (tools/bench/ledger-plans.ts) from what it measured: run it, do not edit. -->',
    '# Query plans',
    intro,
    table(['step', 'statement', 'ms, none', 'ms', 'pages, none', 'pages', 'reads'], lines),
    '## Plans',
    ...plans,
  ]
    .join('\n\n')
    .concat('\n');
}
