/** `millrace doctor`: tries every connection that the environment names, and says what to mend. */
import { readConfig } from '../config/config.ts';
import type { RawEnvironment } from '../config/environment.ts';
import { diagnose } from '../doctor/index.ts';
import type { Output } from './command-line.ts';
import { reportLines, reportTable } from './doctor-report.ts';

export interface DoctorOptions {
  /** All facts, as one JSON object. */
  readonly json: boolean;
  readonly beforeStart: boolean;
}

/**
 * @returns the exit code: 0 when no fault was found (warnings are none), else 1.
 * @throws StartError `config_invalid`
 */
export async function doctor(
  env: RawEnvironment,
  { json, beforeStart }: DoctorOptions,
  output: Output = process.stdout,
): Promise<number> {
  const report = await diagnose(readConfig(env), { beforeStart });
  const text = json ? JSON.stringify(report, null, 2) : output.isTTY ? reportTable(report) : reportLines(report);
  // a check that was left behind may hold the process open: whoever calls ends it, once all is written
  await new Promise<void>((resolve) => output.write(`${text}\n`, () => resolve()));
  return report.status === 'fault' ? 1 : 0;
}
