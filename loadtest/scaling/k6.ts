/** One run of k6's scenario `scaling`. */
import { readFile, rm } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { MillraceError } from '../../worker/errors.ts';
import type { LoadReport } from '../report/load-report.ts';
import type { Installation } from './api.ts';
import { runCommand } from './run-command.ts';
import type { Size } from './size.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
/** Sending the backlog, k6's own start and end. */
const spareSeconds = 300;

export interface ScalingRun {
  readonly installation: Installation;
  readonly size: Size;
  /** For k6's report; it must be there. */
  readonly folder: string;
  readonly signal: AbortSignal;
}

/** @throws MillraceError `command_failed` with what k6 said, when a threshold was broken; `report_missing`; the reason of `signal` */
export async function runScaling({ installation, size, folder, signal }: ScalingRun): Promise<LoadReport> {
  const file = `${folder}/scaling.json`;
  await rm(file, { force: true });
  await runCommand(['k6', 'run', '--quiet', '--no-color', 'loadtest/main.ts'], {
    cwd: root,
    env: {
      SCENARIO: 'scaling',
      MILLRACE_URL: installation.url,
      MILLRACE_API_KEY: installation.key,
      LOADTEST_OUT: folder,
      LOADTEST_TASKS: String(size.tasks),
      LOADTEST_SLEEP_MS: String(size.sleepMs),
      // how fast workers are is measured here, not how fast the API answers
      LOADTEST_ENQUEUE_P95_MS: '60000',
      LOADTEST_DRAIN_SECONDS: String(size.drainSeconds),
    },
    limitSeconds: size.drainSeconds + spareSeconds,
    signal,
  });
  const text = await readFile(file, 'utf8').catch((cause: unknown) => {
    throw new MillraceError({ code: 'report_missing', message: `k6 has left no report in ${file}`, cause });
  });
  // written a moment ago by report/report.ts
  return JSON.parse(text) as LoadReport;
}
