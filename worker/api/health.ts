/** What probes are told, by the API and by processes without one. */
import { errorText } from '../errors.ts';
import { answered } from '../within.ts';
import type { ReadinessJson } from './types/operations.ts';

/** Probes give up after seconds; an answer that comes later helps nobody. */
const readinessTimeoutMs = 5000;

/** Never throws, never hangs. */
export async function askReadiness(readiness: () => Promise<ReadinessJson>): Promise<ReadinessJson> {
  try {
    return await answered(readinessTimeoutMs, readiness());
  } catch (error) {
    return { ready: false, checks: { readiness: { ok: false, detail: errorText(error) } } };
  }
}
