/** Rows of schedules as answers. */
import { dueAt, type FiredSlot, type ScheduleRow, stateOf, timetableOf, timingOf } from '../../runtime/index.ts';
import type { ScheduleDetailJson, ScheduleJson } from '../types/schedule.ts';

const upcomingSlots = 5;

const iso = (date: Date | null) => date?.toISOString() ?? null;

export const scheduleJson = (row: ScheduleRow): ScheduleJson => ({
  name: row.name,
  task: row.task,
  queue: row.queue,
  payload: row.payload,
  priority: row.priority,
  source: row.source,
  status: stateOf(row),
  cron: row.cron,
  timezone: row.timezone,
  every_seconds: row.every_seconds,
  jitter_seconds: row.jitter_seconds,
  missed: row.missed,
  expires: row.expires,
  next_slot: iso(row.next_slot),
  next_at: iso(row.next_at),
  last_slot: iso(row.last_slot),
  last_fired_at: iso(row.last_fired_at),
  last_fired_by: row.last_fired_by,
  last_lateness_seconds: row.last_lateness,
  last_task_id: row.last_task_id,
  slots_fired: row.slots_fired,
  slots_missed: row.slots_missed,
  created_at: row.created_at.toISOString(),
  updated_at: row.updated_at.toISOString(),
});

export const scheduleDetailJson = (row: ScheduleRow, recent: readonly FiredSlot[]): ScheduleDetailJson => ({
  ...scheduleJson(row),
  upcoming: upcomingOf(row),
  recent: recent.map((fired) => ({
    slot: fired.slot.toISOString(),
    fired_at: fired.fired_at.toISOString(),
    lateness_seconds: Math.max(
      0,
      (fired.fired_at.getTime() -
        (fired.by_hand ? fired.slot : dueAt({ id: row.id, jitterSeconds: row.jitter_seconds }, fired.slot)).getTime()) /
        1000,
    ),
    fired_by: fired.fired_by,
    term: fired.term,
    by_hand: fired.by_hand,
    task_id: fired.task_id,
  })),
});

function upcomingOf(row: ScheduleRow): string[] {
  const slots: string[] = [];
  const timetable = timetableOf(timingOf(row));
  for (let slot = row.next_slot ?? undefined; slot && slots.length < upcomingSlots; slot = timetable.after(slot))
    slots.push(slot.toISOString());
  return slots;
}
