/** What every benchmark hands back: rows of samples with their median, printed as a table and kept as `.bench/NAME.json`. */
import { execFileSync } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import os from 'node:os';
import { fileURLToPath } from 'node:url';

/** One thing measured: as many samples as rounds. */
export interface BenchRow {
  /** What was measured, with the conditions: "PDF text, one core, Millrace". */
  readonly subject: string;
  /** What was counted: "time", "pages", "peak memory". */
  readonly metric: string;
  /** Of samples and median: "s", "pages/s", "MB/s", "ms/segment", "x". */
  readonly unit: string;
  readonly samples: readonly number[];
  readonly median: number;
}

export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryBytes: number;
  readonly system: string;
  readonly node: string;
}

export interface BenchReport {
  /** The commit that was measured, with `+changes` when the tree had some; `unknown` outside a repository. */
  readonly commit: string;
  readonly machine: Machine;
  readonly rows: readonly BenchRow[];
}

const root = fileURLToPath(new URL('../../', import.meta.url));

/** The middle sample; the mean of the two middle ones when their number is even; NaN of none. */
export function median(samples: readonly number[]): number {
  const sorted = samples.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}

export function row(subject: string, metric: string, unit: string, samples: readonly number[]): BenchRow {
  return { subject, metric, unit, samples, median: median(samples) };
}

/** Writes `.bench/NAME.json` and says where. */
export async function writeReport(name: string, rows: readonly BenchRow[]): Promise<string> {
  const report: BenchReport = { commit: commit(), machine: machine(), rows };
  await mkdir(`${root}.bench`, { recursive: true });
  const file = `.bench/${name}.json`;
  await writeFile(root + file, `${JSON.stringify(report, null, 2)}\n`);
  return file;
}

export function machine(): Machine {
  return {
    cpu: os.cpus()[0]?.model ?? 'unknown',
    cores: os.availableParallelism(),
    memoryBytes: os.totalmem(),
    system: `${os.type()} ${os.release()} ${os.arch()}`,
    node: process.version,
  };
}

function commit(): string {
  const git = (...args: string[]) =>
    execFileSync('git', args, { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'], timeout: 10_000 });
  try {
    return git('rev-parse', 'HEAD').trim() + (git('status', '--porcelain').trim() === '' ? '' : '+changes');
  } catch {
    return 'unknown';
  }
}

/** A figure with three significant digits, more before the point when it has them. */
export function figure(value: number): string {
  if (!Number.isFinite(value)) return '-';
  const digits = Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value) || 1)));
  return value.toFixed(Math.min(3, digits));
}
