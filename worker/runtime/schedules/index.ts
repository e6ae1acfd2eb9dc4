/** Schedules: what they are, when their slots are, and what people do with them. `worker/beat/` fires them. */
export { databaseNow, deleteSchedule, putSchedule, type RunNow, runScheduleNow, setSchedulePaused } from './change.ts';
export {
  checkSchedule,
  type DefinedSchedule,
  defineSchedule,
  maxEverySeconds,
  nextOf,
  type ScheduleSpec,
} from './define-schedule.ts';
export { type DuePlan, type DueSlot, dueAt, type MissedPolicy, missedPolicies, planDue } from './due-slots.ts';
export { type BeatLeader, firedSlots, listSchedules, readLeader, readSchedule, scheduleColumns } from './read.ts';
export {
  type FiredSlot,
  type ScheduleRow,
  type ScheduleState,
  sameTimes,
  scheduleSources,
  scheduleStates,
  specColumns,
  specValues,
  stateOf,
  timingOf,
} from './rows.ts';
export { timetableOf } from './timetable.ts';
