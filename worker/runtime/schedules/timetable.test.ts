import { describe, expect, it } from 'vitest';
import { timetableOf } from './timetable.ts';

const minuteMs = 60_000;
const dayMs = 86_400_000;
const year = { from: Date.UTC(2026, 0, 1), to: Date.UTC(2027, 0, 1) };
/** A gap and a repetition at night, one at midnight, and one of half an hour. */
const zones = ['Europe/Berlin', 'America/New_York', 'America/Santiago', 'Australia/Lord_Howe'];

/** What the clocks of a zone show at each minute of the year, as if it were UTC: by Intl, which knows nothing of cron. */
function wallClock(zone: string): (minute: number) => number {
  const format = new Intl.DateTimeFormat('en-US', {
    timeZone: zone,
    hourCycle: 'h23',
    ...({ year: 'numeric', month: 'numeric', day: 'numeric', hour: 'numeric', minute: 'numeric' } as const),
  });
  const offsetAt = (moment: number) => {
    const part = Object.fromEntries(format.formatToParts(moment).map(({ type, value }) => [type, Number(value)]));
    return Date.UTC(part.year ?? 0, (part.month ?? 1) - 1, part.day, part.hour, part.minute) - moment;
  };
  // clocks are put on or back at full quarters
  const stepMs = 15 * minuteMs;
  const offsets = Array.from({ length: (year.to - year.from) / stepMs + 1 }, (_, n) =>
    offsetAt(year.from + n * stepMs),
  );
  return (moment) => moment + (offsets[Math.floor((moment - year.from) / stepMs)] ?? 0);
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
    const at = new Date(wall);
    return (
      minutes.has(at.getUTCMinutes()) &&
      hours.has(at.getUTCHours()) &&
      days.has(at.getUTCDate()) &&
      months.has(at.getUTCMonth() + 1) &&
      weekdays.has(at.getUTCDay())
    );
  };
}

/**
 * Slots by walking through the minutes. Fixed times (no star and no step in minute and hour): what the clocks skip comes right
 * after, what they show twice comes at the first. Others: whenever the clocks show a time that matches.
 */
function walked(cron: string, wallAt: (minute: number) => number, from: number, to: number): number[] {
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

function slotsOf(cron: string, timezone: string, from: number, to: number): number[] {
  const timetable = timetableOf({ cron, timezone });
  const slots: number[] = [];
  for (let slot = timetable.after(new Date(from)); slot && slot.getTime() <= to; slot = timetable.after(slot))
    slots.push(slot.getTime());
  return slots;
}

const iso = (moments: readonly number[]) => moments.map((moment) => new Date(moment).toISOString());

describe.each(zones)('slots in %s', (zone) => {
  const wallAt = wallClock(zone);
  const changes: number[] = [];
  for (let moment = year.from; moment + 15 * minuteMs < year.to; moment += 15 * minuteMs)
    if (wallAt(moment + 15 * minuteMs) - wallAt(moment) !== 15 * minuteMs) changes.push(moment);

  it('should be those of an independent walk through a year, for fixed times', () => {
    expect(changes).toHaveLength(2);
    for (const cron of [
      '30 2 * * *',
      '0 0 * * *',
      '59 23 * * *',
      '15,45 1,2 * * *',
      '0 3 1 * *',
      '0 10 * * 1',
      '30 1-3 * * 0',
    ])
      expect([cron, iso(slotsOf(cron, zone, year.from, year.to))]).toEqual([
        cron,
        iso(walked(cron, wallAt, year.from, year.to)),
      ]);
  });

  it('should be those of an independent walk around both changes of the clocks, for the others', () => {
    for (const change of changes)
      for (const cron of ['*/15 * * * *', '* 2 * * *', '0 */2 * * *', '7 * * * *', '*/5 0,23 * * *']) {
        const [from, to] = [change - dayMs, change + dayMs];
        expect([cron, iso(slotsOf(cron, zone, from, to))]).toEqual([cron, iso(walked(cron, wallAt, from, to))]);
      }
  });
});

describe('a timetable', () => {
  it('should fire a time that does not exist right after the gap, and one that comes twice once', () => {
    const around = (cron: string, day: string) =>
      iso(slotsOf(cron, 'Europe/Berlin', Date.parse(`${day}T00:00Z`) - 1, Date.parse(`${day}T03:00Z`)));
    // 02:30 is skipped on March 29, and comes twice on October 25
    expect(around('30 2 * * *', '2026-03-29')).toEqual(['2026-03-29T01:00:00.000Z']);
    expect(around('30 2 * * *', '2026-10-25')).toEqual(['2026-10-25T00:30:00.000Z']);
    // what goes by the clock has no slot in the gap, and one in each of the two hours
    expect(around('30 * * * *', '2026-03-29')).toHaveLength(3);
    expect(around('30 2,3 * * *', '2026-03-29')).toEqual(['2026-03-29T01:00:00.000Z', '2026-03-29T01:30:00.000Z']);
    expect(around('30 * * * *', '2026-10-25')).toHaveLength(3);
  });

  it('should keep intervals aligned to the clock, whatever the zone does', () => {
    const timetable = timetableOf({ everySeconds: 900 });
    expect(timetable.after(new Date('2026-03-29T00:59:59.999Z'))?.toISOString()).toBe('2026-03-29T01:00:00.000Z');
    expect(timetable.after(new Date('2026-03-29T01:00:00Z'))?.toISOString()).toBe('2026-03-29T01:15:00.000Z');
  });

  it('should read seconds where there are six fields', () => {
    const timetable = timetableOf({ cron: '*/20 * * * * *', timezone: 'UTC' });
    expect(timetable.after(new Date('2026-01-01T00:00:05Z'))?.toISOString()).toBe('2026-01-01T00:00:20.000Z');
  });
});
