/** Schedules as people see them. */
import type { ScheduleDetailJson, ScheduleJson } from '../api/types/schedule.ts';
import { table } from './table.ts';
import { age, record, shortSpan, untilTime } from './words.ts';

const timing = ({ cron, timezone, every_seconds }: ScheduleJson): string =>
  cron === null ? `every ${shortSpan(every_seconds ?? 0)}` : `${cron} ${timezone}`;

export const scheduleTable = (schedules: readonly ScheduleJson[]): string =>
  table(
    ['schedule', 'status', 'when', 'next in', 'last', 'late', 'task', 'queue'],
    schedules.map((schedule) => [
      schedule.name,
      schedule.status,
      timing(schedule),
      untilTime(schedule.next_at),
      schedule.last_fired_at === null ? 'never' : `${age(schedule.last_fired_at)} ago`,
      schedule.last_lateness_seconds === null ? '' : shortSpan(schedule.last_lateness_seconds),
      schedule.task,
      schedule.queue ?? '',
    ]),
  );

/** Slots to come that are shown. */
const shownSlots = 5;

export function scheduleText(schedule: ScheduleDetailJson): string {
  const head = record([
    ['schedule', schedule.name],
    ['status', schedule.status],
    ['when', timing(schedule)],
    ['jitter', schedule.jitter_seconds > 0 ? shortSpan(schedule.jitter_seconds) : null],
    ['missed', schedule.missed],
    ['task', schedule.task],
    ['payload', JSON.stringify(schedule.payload)],
    ['queue', schedule.queue],
    ['source', schedule.source],
    ['fired', `${schedule.slots_fired} slots, ${schedule.slots_missed} missed`],
    ['next', schedule.upcoming.slice(0, shownSlots).join(', ')],
  ]);
  if (schedule.recent.length === 0) return head;
  const recent = table(
    ['slot', 'fired', 'late', 'by', 'task'],
    schedule.recent.map((slot) => [
      slot.slot,
      slot.fired_at,
      shortSpan(slot.lateness_seconds),
      slot.by_hand ? `${slot.fired_by} (by hand)` : slot.fired_by,
      slot.task_id,
    ]),
  );
  return `${head}\n\n${recent}`;
}
