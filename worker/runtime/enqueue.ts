/** From a request for work to an accepted task: check, insert, commit, hand over. */
import { type Database, pastDeadlocks, type Queryable } from '../db/index.ts';
import { MillraceError } from '../errors.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { Broker } from './broker.ts';
import { dropJobs } from './drop-jobs.ts';
import { failpoint } from './failpoints.ts';
import type { AcceptedFlow, Flow } from './flow.ts';
import { planFlow } from './flow-plan.ts';
import { Grouped } from './grouped.ts';
import type { Json } from './json.ts';
import { type Accepted, acceptTasks, type NewTask, needsTransaction } from './ledger/accept.ts';
import { acceptFlow } from './ledger/flows.ts';
import { type Handover, release } from './ledger/handover.ts';
import { acceptedEvent, publishStates } from './live/accepted.ts';
import { type LiveSink, noLive } from './live/publisher.ts';
import { asksNotDurable, createSender, NotDurableTasks, refuseInTransaction } from './not-durable/index.ts';
import type { TaskOptions } from './options.ts';
import { parsePayload, payloadText } from './payload.ts';
import type { TaskRegistry } from './registry.ts';
import type { Window } from './window.ts';

/** Most tasks a batch may hold. */
export const maxBatch = 1000;

export interface TaskRequest {
  readonly task: string;
  readonly payload: Json;
  readonly tenantId: string;
  readonly userId?: string | undefined;
  readonly options?: TaskOptions | undefined;
}

/** Whose a flow is. */
export interface FlowOwner {
  readonly tenantId: string;
  readonly userId?: string | undefined;
  /** The caller's own id of the flow: the same flow sent again under it gets the old answer. */
  readonly flowId?: string | undefined;
}

export interface Enqueuer {
  /** Accepts one task: when this resolves, the row is committed and the task will run; one that is not durable is in Redis. */
  one(request: TaskRequest): Promise<Accepted>;
  /** All or none; all durable or none. @throws MillraceError `batch_too_large`, and for tasks that are not durable what `createSender` says */
  batch(requests: readonly TaskRequest[]): Promise<Accepted[]>;
  /**
   * Accepts tasks that wait for one another, all or none. The same flow sent again with the same task ids, or the same `flowId`,
   * gets the old answer.
   * @throws FlowError that names every place of the flow that is wrong
   */
  flow(owner: FlowOwner, flow: Flow): Promise<AcceptedFlow>;
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
  readonly window: Window;
  /** Told of accepted tasks, for who watches; left out, nobody is. */
  readonly live?: LiveSink | undefined;
  readonly log: Logger;
}

/**
 * Single enqueues of many callers share a statement and its commit: most of them in one, and statements side by side. Callers that come
 * one by one at a high rate would else have a statement for every few of them, which took the machine's time from the workers (decision 0016).
 */
const groupedInserts = { most: 500, lanes: 2, spacing: { ms: 2, enough: 40 } };

/** A row to be, and the place that the window gave it: without one the relay hands it over. */
interface Placed extends NewTask {
  readonly place?: number | undefined;
}

/** The row of a request. @throws MillraceError `task_unknown`, PayloadError */
function rowOf(registry: TaskRegistry, { task: name, payload, tenantId, userId, options = {} }: TaskRequest): NewTask {
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
    isolated: task.tenantIsolated,
  };
}

/** For processes without Redis: what they accept is the relay's to hand over. */
export const createLeaver = (registry: TaskRegistry): Pick<Enqueuer, 'leave'> => ({
  leave: async (tx, requests) => {
    refuseInTransaction(requests);
    return acceptTasks(
      tx,
      requests.map((request) => rowOf(registry, request)),
    );
  },
});

/** Of a task that names none, as the ledger's column has it. */
const usualPriority = 5;

export function createEnqueuer({ db, broker, registry, window, live = noLive, log }: EnqueueDeps): Enqueuer {
  const toRow = (request: TaskRequest) => rowOf(registry, request);
  const sendNotDurable = createSender({ db, broker, registry, tasks: new NotDurableTasks(broker), log });

  /** The fast path: to Redis right after the commit, when there is room. What binds a tenant is counted by the relay alone. */
  const placed = <R extends NewTask>(row: R): R & Placed => {
    const waits = row.isolated || row.eta !== undefined || (row.countdownSeconds ?? 0) > 0;
    const place =
      waits || !broker.ready ? undefined : window.admit(row.queue, row.tenantId, row.priority ?? usualPriority);
    return { ...row, place, handed: place !== undefined };
  };

  const tell = (rows: readonly NewTask[], accepted: readonly Accepted[], durable = true) => {
    if (live === noLive) return;
    for (const [index, row] of rows.entries()) {
      const answer = accepted[index];
      if (answer?.created) live.publish(row.tenantId, () => acceptedEvent(row, answer, durable));
    }
    const replaced = accepted.flatMap((answer) => answer.replaced ?? []);
    if (replaced.length > 0) void publishStates({ live, db, log }, replaced);
  };

  const handOver = async (rows: readonly Placed[], accepted: readonly Accepted[]): Promise<void> => {
    const replaced = accepted.flatMap((answer) => answer.replaced ?? []);
    if (replaced.length > 0) void dropJobs({ db, broker, log }, replaced);
    const due = rows.flatMap((row, index): Handover[] => {
      const answer = accepted[index];
      if (!answer?.handed) return [];
      return [
        {
          id: answer.id,
          epoch: 0,
          name: row.name,
          queue: row.queue,
          tenantId: row.tenantId,
          userId: row.userId,
          payload: JSON.parse(row.payload),
          priority: row.priority ?? usualPriority,
          place: row.place ?? 0,
        },
      ];
    });
    if (due.length === 0) return;
    failpoint('accepted');
    try {
      const added = await broker.add(due);
      if (added.length === due.length) return;
      const stand = new Set(added.map((row) => row.id));
      await release(
        db,
        due.filter((row) => !stand.has(row.id)),
      );
    } catch (error) {
      // The rows are committed: whatever failed here, the reconciler finds them.
      log.warn({ err: error, tasks: due.length }, 'handing over to redis failed; the reconciler goes on');
    }
  };

  const accept = async (rows: readonly Placed[]): Promise<Accepted[]> => {
    // two batches that name the same keys in another order wait for each other
    const accepted = needsTransaction(rows)
      ? await pastDeadlocks(() => db.tx((tx) => acceptTasks(tx, rows)))
      : await acceptTasks(db, rows);
    // Not awaited: durable is durable now, and a slow Redis must not hold the answer back.
    void handOver(rows, accepted);
    tell(rows, accepted);
    return accepted;
  };
  const singles = new Grouped<Placed, Accepted>({ ...groupedInserts, write: accept });

  const batch = async (requests: readonly TaskRequest[]): Promise<Accepted[]> => {
    if (requests.length > maxBatch) {
      throw new MillraceError({
        code: 'batch_too_large',
        message: `A batch holds at most ${maxBatch} tasks, instead got ${requests.length}.`,
        hint: 'Send several batches.',
      });
    }
    if (requests.some(asksNotDurable)) {
      const checked = requests.map((request) => ({ request, row: toRow(request) }));
      const accepted = await sendNotDurable(checked);
      const rows = checked.map(({ row }) => row);
      tell(rows, accepted, false);
      return accepted;
    }
    const rows = requests.map(toRow).map(placed);
    const [only, ...others] = rows;
    if (!only) return [];
    // the commit of a single one is shared with others'
    if (others.length === 0 && !needsTransaction(rows)) return [await singles.add(only)];
    return accept(rows);
  };

  return {
    batch,
    async one(request) {
      const [accepted] = await batch([request]);
      if (!accepted) throw new Error('a batch of one gave no answer');
      return accepted;
    },
    ...createLeaver(registry),
    async flow({ tenantId, userId, flowId }, flow) {
      const plan = planFlow(flow, (task) => toRow({ ...task, tenantId, userId: task.userId ?? userId }), userId);
      const rows = plan.tasks.map((task) => (task.parents.length > 0 ? task : placed(task)));
      const answer = await acceptFlow(db, { tenantId, flowId, digest: plan.digest, rows });
      const accepted = answer.ids.map((id) => {
        const handed = answer.handed.has(id);
        return { id, status: 'PENDING', created: answer.created, handed };
      });
      void handOver(rows, accepted);
      tell(rows, accepted);
      return { flowId: answer.flowId, tasks: plan.shape(answer.ids), created: answer.created };
    },
    async within(tx, requests) {
      refuseInTransaction(requests);
      const rows = requests.map(toRow).map(placed);
      const accepted = await acceptTasks(tx, rows);
      const committed = () => {
        tell(rows, accepted);
        return handOver(rows, accepted);
      };
      return { accepted, handOver: committed };
    },
  };
}
