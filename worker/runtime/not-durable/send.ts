/** From requests to jobs in Redis: one command, or one transaction for all of a batch. */
import { isDeepStrictEqual } from 'node:util';
import { Job } from 'bullmq';
import { v7 as uuidv7 } from 'uuid';
import type { Queryable } from '../../db/index.ts';
import { errorText, MillraceError } from '../../errors.ts';
import { type QueueName, queuePrefix } from '../../queues.ts';
import type { Logger } from '../../telemetry/logger.ts';
import { answered } from '../../within.ts';
import { addJobs } from '../add-jobs.ts';
import type { Broker } from '../broker.ts';
import { bullPriority, type PlainJob } from '../job.ts';
import type { Json } from '../json.ts';
import type { Accepted, NewTask } from '../ledger/accept.ts';
import { readTasks } from '../ledger/read.ts';
import type { TaskOptions } from '../options.ts';
import type { TaskRegistry } from '../registry.ts';
import { jobOptions, type NewJob } from './job.ts';
import { refuseLedgerOptions, refuseMixed, refuseQueues } from './refusals.ts';
import type { NotDurableTasks } from './tasks.ts';

/** Longest wait for Redis to take the jobs, also where a client of a cluster would wait for longer. */
const addMs = 3000;
/** A connection that broke a moment ago is waited for; one that is away is not. */
const readyMs = 500;
const defaultPriority = 5;

export interface SenderDeps {
  /** Asked only about ids that a caller chose. */
  readonly db: Queryable;
  readonly broker: Broker;
  readonly registry: TaskRegistry;
  readonly tasks: Pick<NotDurableTasks, 'find'>;
  readonly log: Logger;
}

/** A request and its row, which is never written: it has what was checked. */
export interface Checked {
  readonly request: { readonly task: string; readonly payload: Json; readonly options?: TaskOptions | undefined };
  readonly row: NewTask;
}

/** All or none. @throws MillraceError `durable_mixed`, `queues_mixed`, `durable_only`, `task_id_taken`, `redis_unavailable` */
export type SendNotDurable = (checked: readonly Checked[]) => Promise<Accepted[]>;

export function createSender(deps: SenderDeps): SendNotDurable {
  const { broker, registry, log } = deps;

  const jobOf = ({ request, row }: Checked): NewJob => {
    const now = Date.now();
    const { options = {} } = request;
    refuseLedgerOptions(request, row.isolated ?? false);
    const dueAt = options.eta?.getTime() ?? now + (options.countdownSeconds ?? 0) * 1000;
    return {
      id: row.id ?? uuidv7(),
      name: row.name,
      payload: request.payload,
      meta: {
        v: 1,
        origin: 'redis',
        tenant_id: row.tenantId,
        ...(row.userId !== undefined && { user_id: row.userId }),
        ...(options.expiresSeconds !== undefined && {
          expires_at: new Date(now + options.expiresSeconds * 1000).toISOString(),
        }),
      },
      priority: bullPriority(row.priority ?? defaultPriority),
      delayMs: Math.max(0, Math.round(dueAt - now)),
      attempts: (registry.get(row.name)?.retry.retries ?? 0) + 1,
    };
  };

  return async (checked) => {
    refuseMixed(checked.map(({ request }) => request));
    refuseQueues(new Set(checked.map(({ row }) => row.queue)));
    const queue = checked[0]?.row.queue;
    if (queue === undefined) return [];
    const jobs = checked.map(jobOf);
    const standing = await standingAlready(deps, checked);
    const fresh = jobs.filter(({ id }, index) => !standing.has(id) && jobs.findIndex((job) => job.id === id) === index);
    if (fresh.length > 0) await add(broker, queue, fresh, log);
    return jobs.map(({ id }) => {
      const status = standing.get(id);
      return { id, status: status ?? 'QUEUED', created: status === undefined, handed: status === undefined };
    });
  };
}

/** Of the ids that callers chose: those that stand in Redis already, with their status. @throws MillraceError `task_id_taken` */
async function standingAlready(
  { db, tasks }: SenderDeps,
  checked: readonly Checked[],
): Promise<ReadonlyMap<string, string>> {
  const own = checked.flatMap(({ request, row }) =>
    row.id === undefined || row.idIsNew ? [] : [{ id: row.id, request, row }],
  );
  if (own.length === 0) return new Map();
  const first = new Map<string, (typeof own)[number]>();
  for (const one of own) {
    const before = first.get(one.id) ?? one;
    if (before.row.name !== one.row.name || !isDeepStrictEqual(before.request.payload, one.request.payload))
      throw idTaken(one.id);
    first.set(one.id, before);
  }
  const [inLedger] = await readTasks(db, [...first.keys()]);
  if (inLedger) throw idTaken(inLedger.id);
  const standing = new Map<string, string>();
  for (const { id, request, row } of first.values()) {
    const found = await tasks.find(id);
    if (!found) continue;
    const same =
      found.name === row.name &&
      found.tenant_id === row.tenantId &&
      found.queue === row.queue &&
      isDeepStrictEqual(found.payload, request.payload);
    if (!same) throw idTaken(id);
    standing.set(id, found.status);
  }
  return standing;
}

async function add(broker: Broker, queue: QueueName, jobs: readonly NewJob[], log: Logger): Promise<void> {
  if (!broker.ready) await broker.whenReady(readyMs).catch(() => undefined);
  if (!broker.ready) throw unavailable('cannot be reached. Nothing was accepted.');
  try {
    await answered(addMs, addAll(broker, queue, jobs), 'redis');
  } catch (error) {
    log.warn({ err: error, queue, jobs: jobs.length }, 'redis took no jobs that are not durable, as far as is known');
    if (isRefusal(error)) throw unavailable('refused the tasks. Nothing was accepted.');
    throw unavailable('did not say whether it took the tasks: nothing is promised, and they may run all the same.');
  }
}

/** An error that the server itself answered with: of one command, or of a transaction that it did not begin. */
const isRefusal = (error: unknown): boolean => error instanceof Error && error.name === 'ReplyError';

/** Without the library's error as its cause: that of a broken connection would be taken for the database's. */
const unavailable = (what: string): MillraceError =>
  new MillraceError({
    code: 'redis_unavailable',
    message: `Redis ${what}`,
    hint: 'Send it again with an options.task_id of your own, so that it is taken once, or without durable: false.',
  });

const idTaken = (id: string): MillraceError =>
  new MillraceError({
    code: 'task_id_taken',
    message: `The task id ${id} belongs to another task. Nothing was accepted.`,
    hint: 'Send the same payload to get the old answer, or choose another id.',
  });

const plainJob = (job: NewJob): PlainJob => ({
  name: job.name,
  data: { payload: job.payload, meta: job.meta },
  opts: jobOptions(job),
});

/** In one call; with delays among them in one transaction, which is what BullMQ adds flows with: the jobs of one queue share a slot. */
async function addAll(broker: Broker, queue: QueueName, jobs: readonly NewJob[]): Promise<void> {
  if (jobs.every(({ delayMs }) => delayMs === 0))
    return addJobs(broker.connection, queue, jobs.map(plainJob), { together: true });
  const target = broker.queue(queue);
  const answers = await target.backend.addFlow(
    jobs.map((job) => {
      const { name, data, opts } = plainJob(job);
      const delay = job.delayMs > 0 ? { delay: job.delayMs } : {};
      return {
        jobData: new Job(target, name, data, { ...opts, ...delay }, job.id).asJSON(),
        jobId: job.id,
        parentKeyOpts: {},
        prefix: queuePrefix(queue),
        queueName: queue,
      };
    }),
  );
  const failed = answers.find(([error, answer]) => error !== null || (typeof answer === 'number' && answer < 0));
  if (failed) throw new Error(`redis took some of the jobs only: ${errorText(failed[0] ?? failed[1])}`);
}
