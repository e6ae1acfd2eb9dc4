/** `millrace inspect stats`: the whole in a few numbers. */
import type { QueueJson, WorkerJson } from '../../../api/types/operations.ts';
import { type ApiOptions, apiCommand, type Register } from '../../command-line.ts';
import { record, shortSpan } from '../../words.ts';

/** Over all queues and workers. */
interface Stats {
  readonly workers: number;
  readonly slots: number;
  readonly busy: number;
  readonly pending: number;
  readonly queued: number;
  readonly running: number;
  readonly retrying: number;
  readonly oldest_seconds: number;
  readonly paused: readonly string[];
  /** Queues where something waits and nobody takes from. */
  readonly without_consumer: readonly string[];
  readonly redis: boolean;
}

export const registerStats: Register = (inspect, cli) => {
  apiCommand(inspect, 'stats', 'workers, slots and tasks by state, over all queues').action(
    async (options: ApiOptions) => {
      const client = await cli.connect(options);
      const [{ queues }, { workers }] = await Promise.all([
        client.get<{ queues: QueueJson[] }>('/v1/queues'),
        client.get<{ workers: WorkerJson[] }>('/v1/workers'),
      ]);
      const stats = statsOf(queues, workers);
      if (options.json) cli.printJson(stats);
      else cli.print(statsText(stats));
    },
  );
};

function statsOf(queues: readonly QueueJson[], workers: readonly WorkerJson[]): Stats {
  const depth = (state: keyof QueueJson['depth']) => queues.reduce((sum, queue) => sum + queue.depth[state], 0);
  const waits = ({ depth: { pending, queued, retrying } }: QueueJson) => pending + queued + retrying > 0;
  return {
    workers: workers.length,
    slots: workers.reduce((sum, { slots }) => sum + slots.capacity, 0),
    busy: workers.reduce((sum, { slots }) => sum + slots.busy, 0),
    pending: depth('pending'),
    queued: depth('queued'),
    running: depth('running'),
    retrying: depth('retrying'),
    oldest_seconds: Math.max(0, ...queues.map((queue) => queue.oldest_seconds)),
    paused: queues.filter(({ paused }) => paused).map(({ name }) => name),
    without_consumer: queues.filter((queue) => queue.consumers === 0 && waits(queue)).map(({ name }) => name),
    redis: queues.some(({ redis }) => redis !== null),
  };
}

const statsText = (stats: Stats): string =>
  record([
    ['workers', stats.workers],
    ['slots', `${stats.busy} of ${stats.slots} busy`],
    ['pending', stats.pending],
    ['queued', stats.queued],
    ['running', stats.running],
    ['retrying', stats.retrying],
    ['oldest', stats.oldest_seconds > 0 ? shortSpan(stats.oldest_seconds) : null],
    ['paused', stats.paused.join(', ')],
    ['no consumer', stats.without_consumer.join(', ')],
    ['redis', stats.redis ? 'answers' : 'away'],
  ]);
