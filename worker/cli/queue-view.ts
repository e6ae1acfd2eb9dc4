/** Queues and workers as tables. */
import type { QueueJson, WorkerJson } from '../api/types/operations.ts';
import { table } from './table.ts';
import { age, shortSpan } from './words.ts';

/** Durable tasks and others. Of these none are seen while Redis is away. */
export const waitingOf = ({ depth, not_durable: others }: QueueJson): number =>
  depth.pending + depth.queued + depth.retrying + (others ? others.waiting + others.delayed : 0);
export const runningOf = ({ depth, not_durable: others }: QueueJson): number => depth.running + (others?.running ?? 0);
export const isIdle = (queue: QueueJson): boolean => !queue.paused && waitingOf(queue) + runningOf(queue) === 0;

export const queueTable = (queues: readonly QueueJson[]): string =>
  table(
    ['queue', 'state', 'pending', 'queued', 'running', 'retrying', 'not durable', 'oldest', 'consumers', 'in redis'],
    queues.map(({ name, paused, depth, not_durable: others, oldest_seconds, consumers, redis }) => [
      name,
      paused ? 'paused' : consumers === 0 ? 'no consumer' : 'open',
      depth.pending,
      depth.queued,
      depth.running,
      depth.retrying,
      others === null ? 'away' : others.waiting + others.delayed + others.running,
      oldest_seconds > 0 ? shortSpan(oldest_seconds) : '',
      consumers,
      redis === null ? 'away' : redis.wait + redis.prioritized + redis.active + redis.delayed,
    ]),
  );

/** Queues that are named in a cell; the others are counted. */
const namedQueues = 3;

export const workerTable = (workers: readonly WorkerJson[]): string =>
  table(
    ['worker', 'mode', 'busy', 'slots', 'up', 'heard', 'queues'],
    workers.map(({ name, mode, slots, started_at, seen_at, queues }) => [
      name,
      mode,
      slots.busy,
      slots.capacity,
      age(started_at),
      `${age(seen_at)} ago`,
      queues.length <= namedQueues
        ? queues.join(', ')
        : `${queues.slice(0, namedQueues).join(', ')} and ${queues.length - namedQueues} more`,
    ]),
  );
