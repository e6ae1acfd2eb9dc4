/** How many slots a worker has: between two bounds, by what waits, how long it has waited, and how the event loop fares. */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { Database } from '../db/index.ts';
import type { QueueName } from '../queues.ts';
import type { Logger } from '../telemetry/logger.ts';
import { readBacklog } from './ledger/read.ts';
import { type Loop, startLoop } from './loop.ts';
import { pausedQueues } from './queue-control.ts';

export interface AutoscaleLimits {
  /** `CELERY_MIN_WORKERS`. */
  readonly min: number;
  /** `CELERY_MAX_WORKERS`. */
  readonly max: number;
}

export interface Signs {
  readonly capacity: number;
  readonly busy: number;
  /** Tasks that wait in Redis in the queues of this worker, and one more while it takes a backlog straight from the ledger. */
  readonly waiting: number;
  /** For how long the oldest of them has waited, seconds. */
  readonly oldestSeconds: number;
  /** 95th percentile of the event loop's delay since the last look, ms. */
  readonly loopDelayMs: number;
  /** Looks in a row at which at most half of the slots were busy and nothing waited. */
  readonly calmRounds: number;
}

const intervalMs = 5000;
/** Above this the loop is what everything waits for, and more tasks side by side only make it worse. */
const busyLoopMs = 100;
/** Work that has waited for longer is a backlog: then slots are doubled and not only half as many again. */
const backlogSeconds = 10;
/** Half a minute without need before slots go. */
const calmRoundsToShrink = 6;

/** The slots that these signs ask for. */
export function nextCapacity({ capacity, ...signs }: Signs, { min, max }: AutoscaleLimits): number {
  const within = (slots: number) => Math.min(max, Math.max(min, slots));
  const less = within(capacity - Math.max(1, Math.floor(capacity / 4)));
  if (signs.loopDelayMs > busyLoopMs) return less;
  if (signs.busy >= capacity && signs.waiting > 0) {
    const factor = signs.oldestSeconds > backlogSeconds ? 1 : 0.5;
    return within(capacity + Math.max(1, Math.ceil(capacity * factor)));
  }
  return signs.calmRounds >= calmRoundsToShrink ? less : within(capacity);
}

export interface AutoscaleDeps {
  readonly db: Database;
  readonly queues: readonly QueueName[];
  readonly limits: AutoscaleLimits;
  /** The worker whose slots are set. */
  readonly consumer: {
    readonly slots: { readonly capacity: number; readonly busy: number };
    /** Where more waits than stands in Redis: for how long the oldest had, seconds. */
    readonly backlogSeconds: number | undefined;
    /** Jobs of these queues that wait in Redis, also those that the ledger knows nothing of; undefined when it gives no answer. */
    waitingJobs(queues: readonly QueueName[]): Promise<number | undefined>;
    resize(slots: number): void;
  };
  readonly log: Logger;
  /** Shorter in tests. */
  readonly intervalMs?: number;
}

export function startAutoscale({ db, queues, limits, consumer, log, ...options }: AutoscaleDeps): Loop {
  const delay = monitorEventLoopDelay({ resolution: 10 });
  delay.enable();
  let calmRounds = 0;
  const loop = startLoop({
    name: 'autoscale',
    intervalMs: options.intervalMs ?? intervalMs,
    log,
    round: async () => {
      const paused = new Set(await pausedQueues(db));
      const open = queues.filter((queue) => !paused.has(queue));
      const [inRedis, jobs] = await Promise.all([readBacklog(db, open), consumer.waitingJobs(open)]);
      // what waits there cannot be had while Redis is away, however many slots there are
      if (jobs === undefined) return undefined;
      const { backlogSeconds, slots } = consumer;
      const { capacity, busy } = slots;
      const waiting = Math.max(inRedis.waiting, jobs) + (backlogSeconds === undefined ? 0 : 1);
      const oldestSeconds = Math.max(inRedis.oldestSeconds, backlogSeconds ?? 0);
      calmRounds = waiting === 0 && busy <= capacity / 2 ? calmRounds + 1 : 0;
      const loopDelayMs = delay.percentile(95) / 1e6;
      delay.reset();
      const next = nextCapacity({ capacity, busy, waiting, oldestSeconds, loopDelayMs, calmRounds }, limits);
      if (next === capacity) return undefined;
      calmRounds = 0;
      consumer.resize(next);
      log.info({ from: capacity, to: next, busy, waiting, oldestSeconds, loopDelayMs }, 'slots set anew');
      return undefined;
    },
  });
  return {
    nudge: loop.nudge,
    stop: async () => {
      await loop.stop();
      delay.disable();
    },
  };
}
