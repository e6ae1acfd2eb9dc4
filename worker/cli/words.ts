/** Ages, numbers and records as tables show them. */

/** `0.4 s`, `12 s`, `4 min`, `3 h`, `2 d`. */
export function shortSpan(seconds: number): string {
  if (seconds < 9.95) return `${Math.max(0, seconds).toFixed(1)} s`;
  if (seconds < 99.5) return `${Math.round(seconds)} s`;
  if (seconds < 5970) return `${Math.round(seconds / 60)} min`;
  if (seconds < 171_000) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86_400)} d`;
}

const secondsSince = (iso: string, now: number) => (now - Date.parse(iso)) / 1000;

/** How long ago; empty for null. */
export const age = (iso: string | null, now: number = Date.now()): string =>
  iso === null ? '' : shortSpan(secondsSince(iso, now));

/** How long until; `now` when it is over, empty for null. */
export function untilTime(iso: string | null, now: number = Date.now()): string {
  if (iso === null) return '';
  const seconds = -secondsSince(iso, now);
  return seconds <= 0 ? 'now' : shortSpan(seconds);
}

/** Names and values, one a line; what is null or empty is left out. */
export function record(entries: readonly (readonly [string, string | number | null])[]): string {
  const shown = entries.filter(([, value]) => value !== null && value !== '');
  const width = Math.max(...shown.map(([name]) => name.length));
  return shown.map(([name, value]) => `${name.padEnd(width)}  ${value}`).join('\n');
}

/** JSON on one line, cut. */
export function brief(value: unknown, maxChars = 100): string {
  if (value === null || value === undefined) return '';
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return text.length > maxChars ? `${text.slice(0, maxChars - 1)}…` : text;
}
