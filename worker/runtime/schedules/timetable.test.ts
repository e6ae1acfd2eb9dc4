import { describe, expect, it } from 'vitest';
import { clockChanges, walkedCron, wallClock, yearOf } from './testing/walk.ts';
import { timetableOf } from './timetable.ts';

const dayMs = 86_400_000;
const year = yearOf(2026);
/** A gap and a repetition at night, one at midnight, and one of half an hour. */
const zones = ['Europe/Berlin', 'America/New_York', 'America/Santiago', 'Australia/Lord_Howe'];

function slotsOf(cron: string, timezone: string, from: number, to: number): number[] {
  const timetable = timetableOf({ cron, timezone });
  const slots: number[] = [];
  for (let slot = timetable.after(new Date(from)); slot && slot.getTime() <= to; slot = timetable.after(slot))
    slots.push(slot.getTime());
  return slots;
}

const iso = (moments: readonly number[]) => moments.map((moment) => new Date(moment).toISOString());

describe.each(zones)('slots in %s', (zone) => {
  const wallAt = wallClock(zone, year);
  const changes = clockChanges(wallAt, year);

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
      expect([cron, iso(slotsOf(cron, zone, year.from, year.to))]).toEqual([cron, iso(walkedCron(cron, wallAt, year))]);
  });

  it('should be those of an independent walk around both changes of the clocks, for the others', () => {
    for (const change of changes)
      for (const cron of ['*/15 * * * *', '* 2 * * *', '0 */2 * * *', '7 * * * *', '*/5 0,23 * * *']) {
        const [from, to] = [change - dayMs, change + dayMs];
        expect([cron, iso(slotsOf(cron, zone, from, to))]).toEqual([cron, iso(walkedCron(cron, wallAt, { from, to }))]);
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
