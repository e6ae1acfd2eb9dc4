/**
 * `make bench-ledger`: what the statements of the hot path cost beside millions of finished rows, and beside none.
 * `--rows N` (10,000,000; up to 100,000,000), `--days N` (7) over which they have ended. Writes `.bench/ledger.json` and
 * docs/reference/query-plans.md.
 */
import { statfs, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { readOptions, wholeNumber } from '../options.ts';
import { ledgerSizes, openLedger } from './ledger/database.ts';
import { bytesPerRow, fillFinished, fillLive, liveRows } from './ledger/fill.ts';
import { explainHotPath, type Measured } from './ledger/hot-path.ts';
import { pagePath, plansPage } from './ledger/page.ts';
import { figure, machine, row, writeReport } from './report.ts';

const maxRows = 100_000_000;
/** Beside the rows: the log of transactions, and sorts of the indexes. */
const spareBytes = 4e9;

const { values: options } = readOptions({
  allowPositionals: false,
  usage:
    'make bench-ledger [BENCH="[--rows N] [--days N]"]: --rows, finished tasks (10,000,000; up to 100,000,000); --days, over which they ended (7)',
  options: { rows: { type: 'string', default: '10000000' }, days: { type: 'string', default: '7' } },
});
const rows = wholeNumber('rows', options.rows, 1, maxRows);
const days = wholeNumber('days', options.days, 1, 60);
const startedAt = Date.now();
const note = (text: string) => process.stderr.write(`${Math.round((Date.now() - startedAt) / 1000)} s: ${text}\n`);

/** Where containers keep their volumes is not asked: it is the disk of temporary files as a rule. */
async function refuseFullDisk(): Promise<void> {
  const needed = rows * bytesPerRow + spareBytes;
  const { bavail, bsize } = await statfs(tmpdir());
  const room = bavail * bsize;
  if (needed <= room) return;
  process.stderr.write(
    `${rows} rows take about ${figure(needed / 1e9)} GB, and there is room for ${figure(room / 1e9)} GB; give fewer --rows\n`,
  );
  process.exit(2);
}

async function bench(): Promise<void> {
  await refuseFullDisk();
  await using ledger = await openLedger();
  note(`${liveRows} live rows`);
  await fillLive(ledger.db);
  note('the hot path beside no finished row');
  const empty = await explainHotPath(ledger.db);
  const fillFrom = performance.now();
  await fillFinished(ledger.db, { rows, days, onDay: (day) => note(`rows of ${day}`) });
  const fillSeconds = (performance.now() - fillFrom) / 1000;
  await fillLive(ledger.db);
  note('the hot path beside them');
  const full = await explainHotPath(ledger.db);
  const sizes = await ledgerSizes(ledger.db);
  print(empty, full);
  const samples = ({ statements }: Measured, of: string) =>
    statements.flatMap((one) => [
      row(`${one.step}: ${one.name}, ${of}`, 'time', 'ms', one.ms),
      row(`${one.step}: ${one.name}, ${of}`, 'pages', 'pages', [one.pages]),
    ]);
  const subject = `${rows} finished rows over ${days} days`;
  const file = await writeReport('ledger', [
    ...samples(empty, 'no finished row'),
    ...samples(full, subject),
    row(subject, 'size of tables and indexes', 'MB', [sizes.finishedBytes / 1e6]),
    row(subject, 'fill', 's', [fillSeconds]),
  ]);
  await writeFile(pagePath, plansPage({ rows, days, sizes, empty, full, machine: machine() }));
  console.log(`written: ${file}, docs/reference/query-plans.md`);
}

function print(empty: Measured, full: Measured): void {
  for (const one of full.statements) {
    const before = empty.statements.find(({ step, name }) => step === one.step && name === one.name);
    console.log(
      `${one.step.padEnd(34)} ${one.name.padEnd(44)} ${figure(before?.medianMs ?? Number.NaN).padStart(8)} ms ${figure(one.medianMs).padStart(8)} ms ${String(before?.pages ?? 0).padStart(8)} ${String(one.pages).padStart(8)} pages`,
    );
  }
}

await bench();
process.exit(0);
