/** Schedules that stand in code, beside the tasks that they send. */
import { MillraceError } from '../../errors.ts';
import type { QueueName } from '../../queues.ts';
import type { Json } from '../json.ts';
import { parsePayload } from '../payload.ts';
import type { TaskRegistry } from '../registry.ts';
import { dueAt, type MissedPolicy } from './due-slots.ts';
import { type Timing, timetableOf } from './timetable.ts';

/** What a schedule is, wherever it is said. */
export interface ScheduleSpec {
  /** Unique in its tenant; as `nightly-report`. */
  readonly name: string;
  readonly task: string;
  readonly payload: Json;
  /** Undefined: the task's own. */
  readonly queue: QueueName | undefined;
  /** 1 to 9, 9 first. Undefined: 5. */
  readonly priority: number | undefined;
  readonly timing: Timing;
  /** Each slot waits up to so many seconds, by its schedule and time: schedules of one time do not all come at once. */
  readonly jitterSeconds: number;
  readonly missed: MissedPolicy;
  /** A slot's task that nobody took ends as EXPIRED when the next slot is due. */
  readonly expires: boolean;
}

/** A schedule of code: what it is, and whether it is on. */
export interface DefinedSchedule extends ScheduleSpec {
  /** False: it is listed and not fired. */
  readonly enabled: boolean;
  /** `platform`: its task may be one that is not part of this release yet; then it is listed as such. */
  readonly source: 'platform' | 'code';
}

/**
 * Declares a schedule. Unless told otherwise it has no payload and no jitter, fires the newest of missed slots, and what it sends
 * expires when the next slot is due. It belongs to the default tenant.
 */
export function defineSchedule(
  definition: Pick<ScheduleSpec, 'name' | 'task'> &
    (
      | { readonly cron: string; readonly timezone?: string; readonly everySeconds?: undefined }
      | { readonly everySeconds: number; readonly cron?: undefined; readonly timezone?: undefined }
    ) &
    Partial<Pick<ScheduleSpec, 'payload' | 'queue' | 'priority' | 'jitterSeconds' | 'missed' | 'expires'>> & {
      readonly enabled?: boolean;
      readonly source?: DefinedSchedule['source'];
    },
): DefinedSchedule {
  const { cron, timezone = 'UTC', everySeconds } = definition;
  return {
    name: definition.name,
    task: definition.task,
    payload: definition.payload ?? {},
    queue: definition.queue,
    priority: definition.priority,
    timing: cron === undefined ? { everySeconds: everySeconds ?? 0 } : { cron, timezone },
    jitterSeconds: definition.jitterSeconds ?? 0,
    missed: definition.missed ?? 'latest',
    expires: definition.expires ?? true,
    enabled: definition.enabled ?? true,
    source: definition.source ?? 'code',
  };
}

const namePattern = /^[A-Za-z0-9][A-Za-z0-9_.:-]{0,119}$/;
/** A year and a day: longer ones are mistakes of unit. */
export const maxEverySeconds = 31_622_400;
/** Gaps looked at to find the smallest: jitter must stay below it. */
const gapsLookedAt = 50;

/**
 * Checks a schedule against itself and the tasks there are.
 * @throws MillraceError `schedule_invalid`, `task_unknown`; PayloadError
 */
export function checkSchedule(spec: ScheduleSpec, registry: TaskRegistry, now: Date): void {
  const refuse = (message: string, hint: string): never => {
    throw new MillraceError({ code: 'schedule_invalid', message, hint });
  };
  if (!namePattern.test(spec.name))
    refuse(
      `"${spec.name.slice(0, 150)}" is no name of a schedule.`,
      'Use letters, digits, _ . : and -, at most 120, a letter or digit first.',
    );
  const { timing } = spec;
  if (
    timing.cron === undefined &&
    !(Number.isInteger(timing.everySeconds) && timing.everySeconds >= 1 && timing.everySeconds <= maxEverySeconds)
  )
    refuse(
      `An interval of ${timing.everySeconds} s cannot be kept.`,
      `Give whole seconds, from 1 to ${maxEverySeconds}, or a cron expression.`,
    );
  const timetable = timetableOf(timing);
  let slot = timetable.after(now);
  if (!slot)
    refuse('The cron expression has no slot any more: no such day comes.', 'Look at its day of month and month.');
  for (let gaps = 0; gaps < gapsLookedAt && slot && spec.jitterSeconds > 0; gaps += 1) {
    const next: Date | undefined = timetable.after(slot);
    const gapSeconds = next ? (next.getTime() - slot.getTime()) / 1000 : Number.POSITIVE_INFINITY;
    if (gapSeconds <= spec.jitterSeconds)
      refuse(
        `A jitter of ${spec.jitterSeconds} s is not shorter than the ${gapSeconds} s between two slots.`,
        'Lower the jitter below the shortest time between two slots.',
      );
    slot = next;
  }
  const task = registry.get(spec.task);
  if (!task)
    throw new MillraceError({
      code: 'task_unknown',
      message: `There is no task named "${spec.task}".`,
      hint: `Known tasks: ${registry.names.join(', ')}.`,
    });
  parsePayload(spec.task, task.payload, spec.payload);
}

/** The first slot after a moment, and when it is due. */
export function nextOf(
  id: string,
  { timing, jitterSeconds }: Pick<ScheduleSpec, 'timing' | 'jitterSeconds'>,
  after: Date,
): { readonly slot: Date; readonly at: Date } | undefined {
  const slot = timetableOf(timing).after(after);
  return slot && { slot, at: dueAt({ id, jitterSeconds }, slot) };
}
