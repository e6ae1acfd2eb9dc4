import { describe, expect, it } from 'vitest';
import { dueAt, type MissedPolicy, planDue } from './due-slots.ts';
import { timetableOf } from './timetable.ts';

const at = (text: string) => new Date(`2026-06-01T${text}Z`);
const hourly = timetableOf({ cron: '0 * * * *', timezone: 'UTC' });
const plan = (missed: MissedPolicy, first: string, now: string, { timetable = hourly, jitterSeconds = 0 } = {}) => {
  const { fire, missed: left, next } = planDue({ id: 's', timetable, jitterSeconds, missed }, at(first), at(now));
  return {
    fire: fire.map(({ slot, untilNextSeconds }) => [slot.toISOString().slice(11, 19), untilNextSeconds]),
    left,
    next: next?.toISOString().slice(11, 19),
  };
};

describe('the slots that are fired', () => {
  it('should be the one that is due, which expires when the next is', () => {
    for (const missed of ['skip', 'latest', 'all'] as const)
      expect(plan(missed, '10:00:00', '10:00:05')).toEqual({
        fire: [['10:00:00', 3595]],
        left: 0,
        next: '11:00:00',
      });
  });

  it('should be the newest of missed ones with latest, however late it is', () => {
    expect(plan('latest', '10:00:00', '14:30:00')).toEqual({ fire: [['14:00:00', 1800]], left: 4, next: '15:00:00' });
  });

  it('should be none of missed ones with skip, but one that is on time', () => {
    expect(plan('skip', '10:00:00', '14:30:00')).toEqual({ fire: [], left: 5, next: '15:00:00' });
    expect(plan('skip', '10:00:00', '14:00:59')).toMatchObject({ fire: [['14:00:00', 3541]], left: 4 });
    expect(plan('skip', '10:00:00', '14:01:01')).toMatchObject({ fire: [], left: 5 });
  });

  it('should be all of missed ones with all, each with as much time as it would have had', () => {
    expect(plan('all', '10:00:00', '12:30:00')).toEqual({
      fire: [
        ['10:00:00', 3600],
        ['11:00:00', 3600],
        ['12:00:00', 1800],
      ],
      left: 0,
      next: '13:00:00',
    });
  });

  it('should be a hundred a round of very many, and go on from there', () => {
    const timetable = timetableOf({ everySeconds: 1 });
    const { fire, next } = plan('all', '10:00:00', '11:00:00', { timetable });
    expect(fire).toHaveLength(100);
    expect(next).toBe('10:01:40');
  });

  it('should be found at once after a long absence, of intervals and of expressions', () => {
    const now = new Date('2026-06-01T10:00:30Z');
    const first = new Date('2020-01-01T00:00:00Z');
    const everySecond = { id: 's', jitterSeconds: 0, missed: 'latest' } as const;
    const interval = planDue({ ...everySecond, timetable: timetableOf({ everySeconds: 1 }) }, first, now);
    expect(interval.fire[0]?.slot).toEqual(now);
    expect(interval.missed).toBe((now.getTime() - first.getTime()) / 1000);
    const expression = planDue(
      { ...everySecond, timetable: timetableOf({ cron: '* * * * * *', timezone: 'UTC' }) },
      first,
      now,
    );
    expect(expression.fire[0]?.slot).toEqual(now);
    expect(expression.next).toEqual(new Date('2026-06-01T10:00:31Z'));
    const yearly = planDue(
      { ...everySecond, timetable: timetableOf({ cron: '0 0 1 1 *', timezone: 'UTC' }) },
      first,
      now,
    );
    expect(yearly).toMatchObject({ missed: 6, fire: [{ slot: new Date('2026-01-01T00:00:00Z') }] });
  });
});

describe('jitter', () => {
  it('should be the same for a slot whoever asks, below its bound, and spread', () => {
    const waits = Array.from({ length: 200 }, (_, n) => {
      const recurrence = { id: `schedule ${n}`, jitterSeconds: 600 };
      expect(dueAt(recurrence, at('10:00:00'))).toEqual(dueAt(recurrence, at('10:00:00')));
      return dueAt(recurrence, at('10:00:00')).getTime() - at('10:00:00').getTime();
    });
    expect(Math.min(...waits)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...waits)).toBeLessThan(600_000);
    expect(waits.filter((wait) => wait < 300_000).length).toBeGreaterThan(60);
    expect(waits.filter((wait) => wait < 300_000).length).toBeLessThan(140);
  });

  it('should hold a slot back until it is over, and count the next one as due with its own', () => {
    const jitterSeconds = 1800;
    const recurrence = { id: 's', jitterSeconds, timetable: hourly, missed: 'all' } as const;
    const slot = at('12:00:00');
    const before = new Date(dueAt(recurrence, slot).getTime() - 1);
    expect(planDue(recurrence, at('11:00:00'), before)).toMatchObject({ fire: [{ slot: at('11:00:00') }], next: slot });
    const due = planDue(recurrence, at('11:00:00'), dueAt(recurrence, slot));
    expect(due.fire.map((one) => one.slot)).toEqual([at('11:00:00'), slot]);
  });
});
