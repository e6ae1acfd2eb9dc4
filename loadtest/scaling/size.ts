/** How large the backlog is: long enough to measure, small enough for one machine. */
import { MillraceError } from '../../worker/errors.ts';
import { mostDrainSeconds } from '../settings.ts';
import type { Worker } from './api.ts';
import type { Chosen } from './arguments.ts';

export interface Size {
  readonly tasks: number;
  readonly sleepMs: number;
  /** The drain of one worker, twice over, and something to spare. */
  readonly drainSeconds: number;
}

/** Times that each slot of the greatest number of workers is filled: what is uneven at the end is a tenth at most. */
const rounds = 10;
/** Next to which the tens of milliseconds are little that a claim takes on a busy machine. */
const leastSleepMs = 2000;
/** Tasks a second, all workers together: what is measured is waiting, so no processor may be the narrow place. */
const mostPerSecond = 150;
const spareSeconds = 60;

/**
 * @param live the workers that are there, all with the same number of slots
 * @throws MillraceError `slots_differ`, `backlog_too_large`
 */
export function sizeFor(live: readonly Worker[], mostWorkers: number, given: Pick<Chosen, 'tasks' | 'sleepMs'>): Size {
  const capacities = new Set(live.map(({ slots }) => slots.capacity));
  const [slots] = capacities;
  if (slots === undefined || capacities.size > 1) {
    throw new MillraceError({
      code: 'slots_differ',
      message: `Expected workers with the same number of slots, instead got ${[...capacities].join(' and ')}.`,
      hint: 'Set CELERY_WORKER_AMOUNT and leave CELERY_AUTO_SCALE off while this is measured.',
    });
  }
  const sleepMs = given.sleepMs ?? Math.max(leastSleepMs, Math.ceil((mostWorkers * slots * 1000) / mostPerSecond));
  const tasks = given.tasks ?? slots * mostWorkers * rounds;
  const drainSeconds = Math.ceil((2 * tasks * sleepMs) / slots / 1000) + spareSeconds;
  if (drainSeconds > mostDrainSeconds) {
    throw new MillraceError({
      code: 'backlog_too_large',
      message: `Expected a backlog that is worked off within ${mostDrainSeconds} s, instead ${tasks} tasks of ${sleepMs} ms on the ${slots} slots of one worker may take ${drainSeconds} s.`,
      hint: 'Set a smaller one with --tasks or --sleep-ms, or a smaller greatest number of --workers.',
    });
  }
  return { tasks, sleepMs, drainSeconds };
}
