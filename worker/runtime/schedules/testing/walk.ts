/** Slots by an independent calculation: minutes of a year, walked through with what the clocks of a zone show by Intl. No croner. */

export const minuteMs = 60_000;
/** Clocks are put on or back at full quarters. */
const quarterMs = 15 * minuteMs;
const hourMs = 60 * minuteMs;

export interface Span {
  readonly from: number;
  readonly to: number;
}

export const yearOf = (year: number): Span => ({ from: Date.UTC(year, 0, 1), to: Date.UTC(year + 1, 0, 1) });

/** What the clocks of a zone show at a minute, as if it were UTC. */
export type WallClock = (moment: number) => number;

/** The clocks of a zone over a span that begins at a full quarter, from Intl, which knows nothing of cron. */
export function wallClock(zone: string, { from, to }: Span): WallClock {
  const format = new Intl.DateTimeFormat('en-US', {
    timeZone: zone,
    hourCycle: 'h23',
    ...({ year: 'numeric', month: 'numeric', day: 'numeric', hour: 'numeric', minute: 'numeric' } as const),
  });
  const offsetAt = (moment: number) => {
    const part = Object.fromEntries(format.formatToParts(moment).map(({ type, value }) => [type, Number(value)]));
    return Date.UTC(part.year ?? 0, (part.month ?? 1) - 1, part.day, part.hour, part.minute) - moment;
  };
  const offsets = Array.from({ length: (to - from) / quarterMs + 1 }, (_, n) => offsetAt(from + n * quarterMs));
  return (moment) => moment + (offsets[Math.floor((moment - from) / quarterMs)] ?? 0);
}

/** The last quarters before the clocks of a zone are put on or back. */
export function clockChanges(wallAt: WallClock, { from, to }: Span): number[] {
  const changes: number[] = [];
  for (let moment = from; moment + quarterMs < to; moment += quarterMs)
    if (wallAt(moment + quarterMs) - wallAt(moment) !== quarterMs) changes.push(moment);
  return changes;
}

function allowed(field: string, min: number, max: number): ReadonlySet<number> {
  const values = field.split(',').flatMap((part) => {
    const [range = '', step = '1'] = part.split('/');
    const [first, last = first] = range === '*' ? [min, max] : range.split('-').map(Number);
    return Array.from({ length: (last ?? 0) - (first ?? 0) + 1 }, (_, n) => (first ?? 0) + n).filter(
      (value) => (value - (first ?? 0)) % Number(step) === 0,
    );
  });
  return new Set(values);
}

function matcher(cron: string): (wall: number) => boolean {
  const [minute = '', hour = '', day = '', month = '', weekday = ''] = cron.split(' ');
  const minutes = allowed(minute, 0, 59);
  const hours = allowed(hour, 0, 23);
  const days = allowed(day, 1, 31);
  const months = allowed(month, 1, 12);
  const weekdays = allowed(weekday, 0, 6);
  return (wall) => {
    if (!minutes.has((wall / minuteMs) % 60) || !hours.has(Math.floor(wall / hourMs) % 24)) return false;
    const at = new Date(wall);
    return days.has(at.getUTCDate()) && months.has(at.getUTCMonth() + 1) && weekdays.has(at.getUTCDay());
  };
}

/**
 * Slots after `from` up to `to` of a cron expression of five fields (docs/decisions/0018-beat.md). Fixed times (no star and no step
 * in minute and hour): what the clocks skip comes right after, what they show twice comes at the first. Others: whenever the
 * clocks show a time that matches.
 */
export function walkedCron(cron: string, wallAt: WallClock, { from, to }: Span): number[] {
  const matches = matcher(cron);
  const fixed = !/[*/]/.test(cron.split(' ').slice(0, 2).join(' '));
  const slots: number[] = [];
  let newest = wallAt(from);
  for (let moment = from + minuteMs; moment <= to; moment += minuteMs) {
    const wall = wallAt(moment);
    let due = matches(wall);
    if (fixed) {
      if (wall <= newest) due = false;
      for (let skipped = newest + minuteMs; skipped < wall; skipped += minuteMs) due ||= matches(skipped);
      newest = Math.max(newest, wall);
    }
    if (due) slots.push(moment);
  }
  return slots;
}

/** Slots after `from` up to `to` each so many minutes: those minutes since 1970 that are multiples of it. */
export function walkedInterval(everyMinutes: number, { from, to }: Span): number[] {
  const slots: number[] = [];
  for (let moment = from + minuteMs; moment <= to; moment += minuteMs)
    if ((moment / minuteMs) % everyMinutes === 0) slots.push(moment);
  return slots;
}
