/** Tasks that are not durable, as they are asked for: read from Redis, in the shape of a row. */
import { MillraceError } from '../../errors.ts';
import { type QueueName, queueNames, queuePrefix } from '../../queues.ts';
import { answered } from '../../within.ts';
import type { Broker } from '../broker.ts';
import { isTerminal } from '../ledger/rows.ts';
import { keptSeconds } from './job.ts';
import { type NotDurableRow, rowFields, rowOfJob } from './row.ts';

/** Tasks whose queue is remembered, so that whoever watches one does not look in all queues; the oldest goes first. */
const maxKnown = 10_000;
/** Longest wait for Redis to answer a question. */
const answerMs = 3000;

interface Known {
  readonly queue: QueueName;
  row: NotDurableRow;
}

export class NotDurableTasks {
  readonly #broker: Broker;
  readonly #known = new Map<string, Known>();

  constructor(broker: Broker) {
    this.#broker = broker;
  }

  /** A tenant's task, or undefined. @throws MillraceError `redis_unavailable` */
  async read(tenantId: string, id: string): Promise<NotDurableRow | undefined> {
    const row = await this.find(id);
    return row?.tenant_id === tenantId ? row : undefined;
  }

  /** Whoever's it is. @throws MillraceError `redis_unavailable` */
  async find(id: string): Promise<NotDurableRow | undefined> {
    const found = await this.#ask(Promise.all(queueNames.map((queue) => this.#readIn(queue, id))));
    const row = found.find((one) => one !== undefined);
    if (row) this.#remember(row);
    return row;
  }

  /** How those of these tasks stand that were read here before: for who watches them. One that is gone is told as cancelled. */
  async readKnown(ids: readonly string[]): Promise<NotDurableRow[]> {
    const known = ids.flatMap((id) => this.#known.get(id) ?? []);
    if (known.length === 0) return [];
    const read = known.map(async (one) => {
      if (isTerminal(one.row.status)) return one.row;
      one.row = (await this.#readIn(one.queue, one.row.id)) ?? gone(one.row);
      return one.row;
    });
    return this.#ask(Promise.all(read));
  }

  /**
   * Takes a waiting task out of Redis: nothing of it remains.
   * @returns how it stands when it is not waiting
   * @throws MillraceError `redis_unavailable`
   */
  async remove(row: NotDurableRow): Promise<'removed' | NotDurableRow | undefined> {
    if (row.status === 'RUNNING' || isTerminal(row.status)) return row;
    const removed = await this.#ask(this.#broker.queue(row.queue).remove(row.id));
    if (removed === 1) return 'removed';
    return this.#ask(this.#readIn(row.queue, row.id));
  }

  #remember(row: NotDurableRow): void {
    this.#known.delete(row.id);
    this.#known.set(row.id, { queue: row.queue, row });
    const oldest = this.#known.size > maxKnown ? this.#known.keys().next().value : undefined;
    if (oldest !== undefined) this.#known.delete(oldest);
  }

  async #readIn(queue: QueueName, id: string): Promise<NotDurableRow | undefined> {
    const { connection } = this.#broker;
    const prefix = `${queuePrefix(queue)}:${queue}`;
    const key = `${prefix}:${id}`;
    const values = await connection.hmget(key, ...rowFields);
    if (values.every((value) => value === null)) return undefined;
    const [locked, delayedScore] = await Promise.all([
      connection.exists(`${key}:lock`),
      connection.zscore(`${prefix}:delayed`, id),
    ]);
    const row = rowOfJob({ id, queue, values, locked: locked === 1, delayedScore });
    const keptUntil = (row?.finished_at?.getTime() ?? Number.POSITIVE_INFINITY) + keptSeconds * 1000;
    return keptUntil < Date.now() ? undefined : row;
  }

  async #ask<T>(answer: Promise<T>): Promise<T> {
    try {
      return await answered(answerMs, answer);
    } catch {
      throw new MillraceError({
        code: 'redis_unavailable',
        message:
          'No durable task has this id, and Redis, which alone knows those that are not durable, cannot be asked.',
        hint: 'Ask again when it is back.',
      });
    }
  }
}

const gone = (row: NotDurableRow): NotDurableRow => ({
  ...row,
  status: 'CANCELLED',
  finished_at: new Date(),
  error: {
    code: 'task_gone',
    message: 'The task is not durable, and Redis does not know it any more: it was cancelled, or lost.',
    at: new Date().toISOString(),
    attempt: Math.max(0, row.attempts - 1),
  },
});
