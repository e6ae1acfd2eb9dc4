/** A report of the doctor as people read it. */
import type { Finding, Report } from '../doctor/index.ts';
import { table } from './table.ts';

/** For a terminal: a table of what was tried, and under it what to mend. */
export function reportTable(report: Report): string {
  const rows = report.checks.map(({ status, subject, found }) => [status, subject, found]);
  return [table(['', 'what', 'found'], rows), ...unseenLines(report), ...toMend(report), '', verdict(report)].join(
    '\n',
  );
}

/** For a log: a line each, beginning with ok, warning or fault. */
export function reportLines(report: Report): string {
  const checks = report.checks.map(({ status, subject, found }) => `${status.padEnd(7)} ${subject}: ${found}`);
  return [...checks, ...unseenLines(report), ...toMend(report), verdict(report)].join('\n');
}

const unseenLines = ({ checks }: Report): string[] =>
  checks.flatMap(({ subject, unseen }) => unseen.map((what) => `unseen  ${subject}: ${what}`));

/** Faults first; what several checks found alike is told once. */
function toMend({ checks }: Report): string[] {
  const findings = checks.flatMap((check) => check.findings);
  const distinct = [...new Map(findings.map((finding) => [`${finding.code} ${finding.message}`, finding])).values()];
  const sorted = distinct.toSorted((a, b) => a.level.localeCompare(b.level));
  return sorted.flatMap((finding) => ['', ...findingLines(finding)]);
}

const findingLines = ({ level, code, message, mend }: Finding): string[] => [
  `${level} ${code}: ${message}`,
  `  To mend it: ${mend}`,
];

function verdict({ status, checks }: Report): string {
  const count = (wanted: string) => checks.filter((check) => check.status === wanted).length;
  const found = [`${count('ok')} ok`, `${count('warning')} with warnings`, `${count('fault')} with faults`].join(', ');
  return `${status}: ${checks.length} checks, ${found}`;
}
