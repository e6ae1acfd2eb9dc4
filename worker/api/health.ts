/** What probes are told, by the API and by processes without one. */
import { errorText } from '../errors.ts';
import type { ReadinessJson } from './types.ts';

/** Probes give up after seconds; an answer that comes later helps nobody. */
const readinessTimeoutMs = 5000;

/** Never throws, never hangs. */
export async function askReadiness(readiness: () => Promise<ReadinessJson>): Promise<ReadinessJson> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${readinessTimeoutMs} ms`)), readinessTimeoutMs);
  });
  try {
    return await Promise.race([readiness(), late]);
  } catch (error) {
    return { ready: false, checks: { readiness: { ok: false, detail: errorText(error) } } };
  } finally {
    clearTimeout(timer);
  }
}
