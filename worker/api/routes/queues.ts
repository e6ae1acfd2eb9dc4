/** Queues: how full they are; pausing, resuming and purging them. */
import { z } from 'zod';
import { isQueueName, type QueueName, queueNames, queues } from '../../queues.ts';
import {
  type Broker,
  notDurableDepth,
  pausedQueues,
  purgeNotDurable,
  purgeQueue,
  queueDepths,
  setQueuePaused,
} from '../../runtime/index.ts';
import { SharedAnswer } from '../../shared-answer.ts';
import { ApiError } from '../problems/api-error.ts';
import { problems } from '../schemas/common.ts';
import { queuesSchema } from '../schemas/operations.ts';
import type { QueueJson, QueuesJson } from '../types/operations.ts';
import type { Routes } from './route.ts';

/**
 * Whoever asks for the queues, however often: depths that took longer than this to count serve for so many times as long. With a million waiting a
 * count reads as many rows. No longer than the last, since what it took may have been a wait for the database.
 */
const cheapMs = 50;
const restFactor = 20;
const mostRestMs = 10_000;

const noDepth = { pending: 0, queued: 0, running: 0, retrying: 0, oldestSeconds: 0 };

async function notDurable(broker: Broker, name: QueueName, queued: number): Promise<QueueJson['not_durable']> {
  if (!broker.ready) return null;
  return notDurableDepth(broker, name, queued).catch(() => null);
}

async function redisCounts(broker: Broker, name: QueueName): Promise<QueueJson['redis']> {
  if (!broker.ready) return null;
  try {
    const { wait = 0, prioritized = 0, active = 0, delayed = 0 } = await broker.counts(name);
    return { wait, prioritized, active, delayed };
  } catch {
    return null;
  }
}

/** @throws ApiError `queue_not_found` */
export function checkedName(name: string): QueueName {
  if (isQueueName(name)) return name;
  throw new ApiError({
    code: 'queue_not_found',
    message: `There is no queue ${name}.`,
    hint: `There are ${queueNames.join(', ')}.`,
  });
}

export const queueRoutes: Routes = (deps) => async (app) => {
  const { db, broker, live, log } = deps;
  const params = z.object({ name: z.string() });
  const counted = new SharedAnswer(
    async () => {
      const at = new Date();
      return { at, depths: await queueDepths(db) };
    },
    (tookMs) => (tookMs < cheapMs ? 0 : Math.min(restFactor * tookMs, mostRestMs)),
  );

  app.get(
    '/queues',
    {
      schema: {
        tags: ['queues'],
        summary: 'All queues: depth by state, age of the oldest, consumers',
        description:
          'Depths are counted anew for each answer while that is quick; with hundreds of thousands waiting a count serves for up to ten seconds.',
        response: { 200: queuesSchema, ...problems() },
      },
    },
    async (): Promise<QueuesJson> => {
      const [{ at, depths }, paused, workers, counts] = await Promise.all([
        counted.get(),
        pausedQueues(db),
        deps.workers(),
        Promise.all(queueNames.map((name) => redisCounts(broker, name))),
      ]);
      const depthOf = new Map(depths.map((depth) => [depth.queue, depth]));
      const others = await Promise.all(
        queueNames.map((name) => notDurable(broker, name, depthOf.get(name)?.queued ?? 0)),
      );
      return {
        counted_at: at.toISOString(),
        queues: queueNames.map((name, place) => {
          const { pending, queued, running, retrying, oldestSeconds } = depthOf.get(name) ?? noDepth;
          return {
            name,
            tier: queues[name].tier,
            carries: queues[name].carries,
            paused: paused.includes(name),
            depth: { pending, queued, running, retrying },
            not_durable: others[place] ?? null,
            redis: counts[place] ?? null,
            oldest_seconds: oldestSeconds,
            consumers: workers.filter((worker) => worker.queues.includes(name)).length,
          };
        }),
      };
    },
  );

  for (const [action, paused] of [
    ['pause', true],
    ['resume', false],
  ] as const) {
    app.post(
      `/queues/:name/${action}`,
      {
        schema: {
          tags: ['queues'],
          summary: paused ? 'Pause a queue: what runs goes on, nothing new starts' : 'Resume a queue',
          params,
          response: { 200: z.object({ name: z.string(), paused: z.boolean() }), ...problems(404) },
        },
      },
      async (request) => {
        const name = checkedName(request.params.name);
        await setQueuePaused({ db, broker, log }, name, paused);
        return { name, paused };
      },
    );
  }

  app.post(
    '/queues/:name/purge',
    {
      schema: {
        tags: ['queues'],
        summary: 'Cancel what waits in a queue',
        description:
          "Only the tenant's own tasks; what runs goes on. Of those that are not durable nothing remains; `not_durable` is null when " +
          'Redis did not answer to the end, and some may be left.',
        params,
        response: {
          200: z.object({ name: z.string(), purged: z.int(), not_durable: z.int().nullable() }),
          ...problems(404),
        },
      },
    },
    async (request) => {
      const name = checkedName(request.params.name);
      const durable = await purgeQueue({ db, broker, live, log }, name, request.tenantId);
      const { removed, whole } = await purgeNotDurable({ broker, live }, name, request.tenantId);
      return { name, purged: durable + removed, not_durable: whole ? removed : null };
    },
  );
};
