/** Figures from samples. */

/** NaN of none. */
export const mean = (samples: readonly number[]): number =>
  samples.reduce((sum, value) => sum + value, 0) / samples.length;

/** The value that `share` of the samples do not exceed (nearest rank); NaN of none. */
export function quantile(samples: readonly number[], share: number): number {
  const sorted = Float64Array.from(samples).sort();
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN;
}

/**
 * Events a second, from the one numbered `from` to the last before `to`, of ascending times in milliseconds; NaN when
 * fewer than two are left.
 */
export function ratePerSecond(timesMs: readonly number[], from: number, to = timesMs.length): number {
  const first = timesMs[from];
  const last = timesMs[to - 1];
  if (first === undefined || last === undefined || to - 1 <= from) return Number.NaN;
  return ((to - 1 - from) / (last - first)) * 1000;
}
