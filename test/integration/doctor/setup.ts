/** `millrace doctor` as a person runs it: a process with an environment of its own. */
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';
import { z } from 'zod';
import { databaseVariables } from '../../harness/database-address.ts';
import type { SuiteDatabase } from '../../harness/postgres.ts';

const cli = fileURLToPath(new URL('../../../worker/cli/main.ts', import.meta.url));
/** What the docs promise. */
export const endsWithinMs = 30_000;

export type Environment = Readonly<Record<string, string>>;

export interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  readonly ms: number;
}

const findingSchema = z.strictObject({
  level: z.enum(['warning', 'fault']),
  code: z.string().regex(/^[a-z_]+$/),
  message: z.string().regex(/\.$/),
  mend: z.string().regex(/\.$/),
});
const reportSchema = z.strictObject({
  status: z.enum(['ok', 'warning', 'fault']),
  checked_at: z.iso.datetime(),
  mode: z.string(),
  checks: z.array(
    z.strictObject({
      subject: z.string(),
      status: z.enum(['ok', 'warning', 'fault']),
      found: z.string().min(1),
      facts: z.record(z.string(), z.json()),
      findings: z.array(findingSchema),
      unseen: z.array(z.string()),
      ms: z.number(),
    }),
  ),
});
export type DoctorReport = z.output<typeof reportSchema>;

/** Runs the command until it ends. */
export async function runDoctor(env: Environment, ...options: string[]): Promise<Ended> {
  const startedAt = Date.now();
  return new Promise((resolve, reject) => {
    const child = execFile(
      process.execPath,
      [cli, 'doctor', ...options],
      { env: { PATH: process.env.PATH ?? '', ...env }, timeout: endsWithinMs, maxBuffer: 4_000_000 },
      (_error, stdout, stderr) => {
        if (child.exitCode === null) reject(new Error(`the doctor did not end:\n${stdout}\n${stderr}`));
        else resolve({ code: child.exitCode, stdout, stderr, ms: Date.now() - startedAt });
      },
    );
  });
}

export interface Examined extends DoctorReport {
  readonly code: number;
  /** Of all checks. */
  readonly findings: readonly z.output<typeof findingSchema>[];
  readonly codes: readonly string[];
  /** The checks whose subject begins so. */
  about(subject: string): DoctorReport['checks'];
}

/** The report as a script reads it, checked against its promised shape. */
export async function examine(env: Environment, ...options: string[]): Promise<Examined> {
  const { code, stdout, stderr } = await runDoctor(env, '--json', ...options);
  expect(stderr).not.toMatch(/^\s+at /m);
  const report = reportSchema.parse(JSON.parse(stdout));
  const findings = report.checks.flatMap((check) => check.findings);
  for (const value of secretsOf(env)) expect(stdout).not.toContain(value);
  return {
    ...report,
    code,
    findings,
    codes: [...new Set(findings.map((finding) => finding.code))].sort(),
    about: (subject) => report.checks.filter((check) => check.subject.startsWith(subject)),
  };
}

/** Words that are secrets of a test are long, so that they are in no sentence by chance. */
const secretsOf = (env: Environment) =>
  Object.entries(env).flatMap(([name, value]) => (name.endsWith('PASSWORD') && value.length > 12 ? [value] : []));

/** A storage folder that is there, of a suite. */
export function storageFolder(): { readonly environment: Environment } & Disposable {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-doctor-'));
  return {
    environment: { OPENDAL_FS_ROOT: folder },
    [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }),
  };
}

/** The variables of a worker on this database. */
export const databaseEnvironment = ({ address }: SuiteDatabase): Environment => ({
  ...databaseVariables(address),
  // one worker and one API fit in a Postgres as it comes
  SQLALCHEMY_POOL_SIZE: '10',
});
