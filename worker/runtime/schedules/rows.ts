/** Rows of schedules. */
import type { QueueName } from '../../queues.ts';
import type { Json } from '../json.ts';
import type { ScheduleSpec } from './define-schedule.ts';
import type { MissedPolicy } from './due-slots.ts';
import type { Timing } from './timetable.ts';

export const scheduleSources = ['platform', 'code', 'api'] as const;

export interface ScheduleRow {
  readonly id: string;
  readonly tenant_id: string;
  readonly name: string;
  readonly source: (typeof scheduleSources)[number];
  readonly task: string;
  readonly queue: QueueName | null;
  readonly payload: Json;
  readonly priority: number | null;
  readonly cron: string | null;
  readonly timezone: string;
  readonly every_seconds: number | null;
  readonly jitter_seconds: number;
  readonly missed: MissedPolicy;
  readonly expires: boolean;
  readonly enabled: boolean;
  readonly paused: boolean;
  readonly built: boolean;
  readonly revision: number;
  readonly next_slot: Date | null;
  readonly next_at: Date | null;
  readonly last_slot: Date | null;
  readonly last_fired_at: Date | null;
  readonly last_fired_by: string | null;
  /** Seconds. */
  readonly last_lateness: number | null;
  readonly last_task_id: string | null;
  readonly slots_fired: number;
  readonly slots_missed: number;
  readonly created_at: Date;
  readonly updated_at: Date;
}

/** Why a schedule fires or does not. */
export const scheduleStates = ['active', 'paused', 'disabled', 'not_built'] as const;
export type ScheduleState = (typeof scheduleStates)[number];

export const stateOf = ({
  built,
  enabled,
  paused,
}: Pick<ScheduleRow, 'built' | 'enabled' | 'paused'>): ScheduleState =>
  built ? (enabled ? (paused ? 'paused' : 'active') : 'disabled') : 'not_built';

export const timingOf = ({
  cron,
  timezone,
  every_seconds: everySeconds,
}: Pick<ScheduleRow, 'cron' | 'timezone' | 'every_seconds'>): Timing =>
  cron === null ? { everySeconds: everySeconds ?? 0 } : { cron, timezone };

/** Whether the slots of a row are those of a schedule as it is said. */
export function sameTimes(row: ScheduleRow, { timing, jitterSeconds }: Pick<ScheduleSpec, 'timing' | 'jitterSeconds'>) {
  if (row.jitter_seconds !== jitterSeconds) return false;
  if (timing.cron === undefined) return row.cron === null && row.every_seconds === timing.everySeconds;
  return row.cron === timing.cron && row.timezone === timing.timezone;
}

/** A slot that was fired, or a run by hand between them. */
export interface FiredSlot {
  readonly slot: Date;
  readonly task_id: string;
  readonly by_hand: boolean;
  readonly fired_at: Date;
  readonly fired_by: string;
  readonly term: number | null;
}

/** The columns of what a schedule is, in the order of `specValues`. */
export const specColumns =
  'task, queue, payload, priority, cron, timezone, every_seconds, jitter_seconds, missed, expires';

export const specValues = ({
  task,
  queue,
  payload,
  priority,
  timing,
  jitterSeconds,
  missed,
  expires,
}: ScheduleSpec) => [
  task,
  queue ?? null,
  JSON.stringify(payload),
  priority ?? null,
  timing.cron ?? null,
  timing.cron === undefined ? 'UTC' : timing.timezone,
  timing.cron === undefined ? timing.everySeconds : null,
  jitterSeconds,
  missed,
  expires,
];
