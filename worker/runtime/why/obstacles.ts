/** What holds up everything of a queue, or of a tenant in it. Each answers with a reason, or that it is none. */
import { queues } from '../../queues.ts';
import type { ConsumerFacts, QueueFacts, RateFacts, RunFacts } from './facts.ts';
import type { Reason } from './reason.ts';
import { amount, runWords, span } from './words.ts';

/** Runs that are named in a sentence. */
const namedRuns = 3;

export function pausedReason({ queue, pausedSeconds }: QueueFacts): Reason | undefined {
  if (pausedSeconds === undefined) return undefined;
  return {
    code: 'queue_paused',
    sentence: `The queue ${queue} has been paused for ${span(pausedSeconds)}: what runs goes on, nothing new starts.`,
    mend: `Resume it: millrace resume ${queue}`,
    details: { queue, paused_seconds: pausedSeconds },
  };
}

export function noConsumerReason({ queue, consumers }: QueueFacts): Reason | undefined {
  if (consumers.length > 0) return undefined;
  return {
    code: 'no_consumer',
    sentence: `No live worker takes from the queue ${queue}.`,
    mend: `Start a worker of its pool (MILLRACE_POOL=${queues[queue].pool}), one whose CELERY_QUEUES names ${queue}, or one with neither, which takes from all queues.`,
    details: { queue, pool: queues[queue].pool },
  };
}

export function redisAwayReason({ redis }: QueueFacts): Reason | undefined {
  if (redis.answers) return undefined;
  const since =
    redis.awaySeconds === undefined ? 'Redis does not answer' : `Redis has been away for ${span(redis.awaySeconds)}`;
  return {
    code: 'redis_away',
    sentence: `${since}: nothing is handed to workers until it is back, and nothing is lost.`,
    mend: 'Bring Redis back; millrace doctor says what keeps it away. Tasks go on by themselves.',
    details: { away_seconds: redis.awaySeconds ?? null },
  };
}

/** In the order in which somebody would mend them. */
export const queueObstacles = (facts: QueueFacts): Reason[] =>
  [pausedReason(facts), noConsumerReason(facts), redisAwayReason(facts)].filter((reason) => reason !== undefined);

/** The bucket that lets the last of `ahead` + 1 tasks through last. */
function slowest(rates: readonly RateFacts[], ahead: number): { rate: RateFacts; seconds: number } | undefined {
  return rates
    .map((rate) => ({ rate, seconds: (ahead + 1 - rate.tokens) / rate.perSecond }))
    .filter(({ seconds }) => seconds > 0)
    .sort((a, b) => b.seconds - a.seconds)[0];
}

/** @param ahead tasks of the tenant that take their tokens first */
export function rateReason({ queue, rates }: QueueFacts, ahead: number): Reason | undefined {
  const found = slowest(rates, ahead);
  if (!found) return undefined;
  const { rate, seconds } = found;
  const perMinute = Number((rate.perSecond * 60).toFixed(2));
  const whose = rate.of === 'queue' ? `The queue ${queue} starts` : `A tenant starts in the queue ${queue}`;
  const variable = rate.of === 'queue' ? 'MILLRACE_RATE_LIMITS' : 'MILLRACE_TENANT_RATE_LIMITS';
  return {
    code: 'rate_limit',
    sentence: `${whose} at most ${amount(perMinute, 'task')} a minute, and ${amount(ahead, 'task')} of yours ${ahead === 1 ? 'goes' : 'go'} before it: its turn comes in ${span(seconds)} at the earliest.`,
    mend: `Wait, or raise ${variable}.`,
    details: { queue, of: rate.of, per_minute: perMinute, ahead, seconds: Math.ceil(seconds) },
  };
}

/** @param ahead tasks that start first @param line the same in words, when it is not 0 */
export function slotsBusyReason(
  { queue, consumers }: QueueFacts,
  ahead: number,
  line = `${amount(ahead, 'job')} of the queue ${ahead === 1 ? 'stands' : 'stand'} before it`,
): Reason | undefined {
  const slots = sum(consumers, ({ slots }) => slots);
  const busy = sum(consumers, (consumer) => Math.min(consumer.slots, consumer.busy));
  if (consumers.length === 0 || busy < slots) return undefined;
  const told = consumers.flatMap(({ name, runs }) => runs.map((run) => ({ name, run }))).slice(0, namedRuns);
  return {
    code: 'slots_busy',
    sentence: `All ${amount(slots, 'slot')} of the ${amount(consumers.length, 'worker')} that ${consumers.length === 1 ? 'takes' : 'take'} from ${queue} are busy (${busyWords(told, busy)}), and ${ahead === 0 ? 'it is first in line' : line}.`,
    mend: 'Wait, start another worker, or raise CELERY_WORKER_AMOUNT; millrace inspect active shows what runs.',
    details: {
      queue,
      slots,
      busy,
      ahead,
      running: told.map(({ name, run }) => ({
        worker: name,
        task_id: run.id ?? null,
        task: run.task ?? null,
        queue: run.queue ?? null,
        seconds: run.seconds ?? null,
      })),
    },
  };
}

/** What the slots do, worker by worker, and how many more there are. */
function busyWords(told: readonly { readonly name: string; readonly run: RunFacts }[], busy: number): string {
  if (told.length === 0) return 'all with tasks of other tenants';
  const byWorker = [...Map.groupBy(told, ({ name }) => name)].map(
    ([name, runs]) => `${name} runs ${runs.map(({ run }) => runWords(run)).join(' and ')}`,
  );
  const more = busy - told.length;
  return [...byWorker, ...(more > 0 ? [`${more} more`] : [])].join(', ');
}

const sum = (consumers: readonly ConsumerFacts[], of: (consumer: ConsumerFacts) => number): number =>
  consumers.reduce((total, consumer) => total + of(consumer), 0);
