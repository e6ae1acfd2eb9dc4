/** From a request for work to an accepted task: check, insert, commit, hand over. */
import type { Database, Queryable } from '../db/index.ts';
import { MillraceError } from '../errors.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { Broker } from './broker.ts';
import { type Accepted, acceptTasks, type NewTask, needsTransaction } from './ledger/accept.ts';
import { type Handover, markQueued, releaseHandover } from './ledger/handover.ts';
import type { TaskOptions } from './options.ts';
import { parsePayload, payloadText } from './payload.ts';
import type { TaskRegistry } from './registry.ts';
import type { Json } from './task.ts';

/** Most tasks a batch may hold. */
export const maxBatch = 1000;

export interface TaskRequest {
  readonly task: string;
  readonly payload: Json;
  readonly tenantId: string;
  readonly userId?: string | undefined;
  readonly options?: TaskOptions | undefined;
}

export interface Enqueuer {
  /** Accepts one task: when this resolves, the row is committed and the task will run. */
  one(request: TaskRequest): Promise<Accepted>;
  /** All or none. @throws MillraceError `batch_too_large` */
  batch(requests: readonly TaskRequest[]): Promise<Accepted[]>;
  /** Inserts in the caller's transaction and leaves handing over to the relay, for callers that do not see the commit. */
  leave(tx: Queryable, requests: readonly TaskRequest[]): Promise<Accepted[]>;
  /**
   * Inserts in the caller's transaction. Call `handOver` after the commit; if that never happens, the relay does it, once the
   * time for it is over.
   */
  within(
    tx: Queryable,
    requests: readonly TaskRequest[],
  ): Promise<{ accepted: Accepted[]; handOver: () => Promise<void> }>;
}

export interface EnqueueDeps {
  readonly db: Database;
  readonly broker: Broker;
  readonly registry: TaskRegistry;
  readonly log: Logger;
}

export function createEnqueuer({ db, broker, registry, log }: EnqueueDeps): Enqueuer {
  const toRow = ({ task: name, payload, tenantId, userId, options = {} }: TaskRequest): NewTask => {
    const task = registry.get(name);
    if (!task) {
      throw new MillraceError({
        code: 'task_unknown',
        message: `There is no task named "${name}".`,
        hint: `Known tasks: ${registry.names.join(', ')}.`,
      });
    }
    parsePayload(name, task.payload, payload);
    return {
      name,
      tenantId,
      userId,
      // the caller's JSON, not the parsed value: defaults are the handler's business, also those of a later release
      payload: payloadText(payload),
      queue: options.queue ?? task.queue,
      id: options.taskId,
      idIsNew: options.taskIdIsNew,
      priority: options.priority,
      countdownSeconds: options.countdownSeconds,
      eta: options.eta,
      expiresSeconds: options.expiresSeconds,
      uniqueKey: options.uniqueKey,
      uniquePolicy: options.uniquePolicy,
    };
  };

  const handOver = async (rows: readonly NewTask[], accepted: readonly Accepted[]): Promise<void> => {
    const due = rows.flatMap((row, index): Handover[] => {
      const answer = accepted[index];
      if (!answer?.created || !answer.due) return [];
      return [
        {
          ...row,
          id: answer.id,
          epoch: 0,
          payload: JSON.parse(row.payload),
          priority: row.priority ?? 5,
          userId: row.userId,
        },
      ];
    });
    if (due.length === 0) return;
    try {
      const added = await broker.add(due);
      if (added.length > 0) await markQueued(db, added);
      const taken = new Set(added.map((row) => row.id));
      const left = due.filter((row) => !taken.has(row.id)).map((row) => row.id);
      if (left.length > 0) await releaseHandover(db, left);
    } catch (error) {
      // The rows are committed: whatever failed here, the relay finds them.
      log.warn({ err: error, tasks: due.length }, 'handing over to redis failed; the relay goes on');
    }
  };

  const batch = async (requests: readonly TaskRequest[]): Promise<Accepted[]> => {
    if (requests.length > maxBatch) {
      throw new MillraceError({
        code: 'batch_too_large',
        message: `A batch holds at most ${maxBatch} tasks, instead got ${requests.length}.`,
        hint: 'Send several batches.',
      });
    }
    if (requests.length === 0) return [];
    const rows = requests.map(toRow);
    const accepted = needsTransaction(rows) ? await db.tx((tx) => acceptTasks(tx, rows)) : await acceptTasks(db, rows);
    // Not awaited: durable is durable now, and a slow Redis must not hold the answer back.
    void handOver(rows, accepted);
    return accepted;
  };

  return {
    batch,
    async one(request) {
      const [accepted] = await batch([request]);
      if (!accepted) throw new Error('a batch of one gave no answer');
      return accepted;
    },
    leave: (tx, requests) =>
      acceptTasks(
        tx,
        requests.map(toRow).map((row) => ({ ...row, leftToRelay: true })),
      ),
    async within(tx, requests) {
      const rows = requests.map(toRow);
      const accepted = await acceptTasks(tx, rows);
      return { accepted, handOver: () => handOver(rows, accepted) };
    },
  };
}
