/** A job from Redis, turned into a claim on a ledger row: rows that are there, and rows made for jobs from elsewhere. */
import { type Database, isTransientDatabaseError } from '../db/index.ts';
import { MillraceError } from '../errors.ts';
import type { QueueName } from '../queues.ts';
import { foreignTaskId, type JobData, jobMetaSchema } from './job.ts';
import { acceptTasks } from './ledger/accept.ts';
import type { ClaimedTask } from './ledger/rows.ts';
import { storableJson, storableText } from './storable.ts';

export type Intake =
  | { readonly kind: 'claimed'; readonly task: ClaimedTask }
  /** Acknowledge and forget: a duplicate, a finished task come back, one not due, one that somebody else holds. */
  | { readonly kind: 'dropped' };

/** The parts of a job that intake looks at; `data` is whatever somebody put there. */
export interface IncomingJob {
  readonly id: string;
  readonly name: string;
  readonly queue: QueueName;
  readonly timestamp: number;
  readonly data: unknown;
}

export interface IntakeDeps {
  readonly db: Database;
  /** Claims a row for this process, together with others. */
  readonly claim: (id: string) => Promise<ClaimedTask | undefined>;
  /** Whose a job is that names no tenant. */
  readonly defaultTenantId: string;
}

/** What Postgres takes for a UUID in the form that it writes itself: asked for another, it would refuse the whole question. */
const mayBeRow = /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/i;

/** @throws when the database does not answer; the job is then put back. */
export async function takeIn(deps: IntakeDeps, job: IncomingJob): Promise<Intake> {
  const { meta, payload } = readData(job.data);
  const id = meta ? job.id : foreignTaskId(job.queue, job.id, job.timestamp);
  if (!mayBeRow.test(id)) return { kind: 'dropped' };
  if (!meta) await acceptForeign(deps, job, id, payload);
  const task = await deps.claim(id);
  return task ? { kind: 'claimed', task } : { kind: 'dropped' };
}

/** A foreign job without a readable shape keeps its data as payload, for whoever looks at the dead letter. */
function readData(data: unknown): { meta: JobData['meta']; payload: unknown } {
  if (typeof data !== 'object' || data === null || !('payload' in data)) return { meta: undefined, payload: data };
  const meta = 'meta' in data ? jobMetaSchema.safeParse(data.meta) : undefined;
  return { meta: meta?.success ? meta.data : undefined, payload: data.payload };
}

/**
 * Gives a job from elsewhere its row. One that arrives again meets the row of the first time. Payload and name are checked when
 * it runs, so that a bad job ends as FAILED with a dead letter and not in a loop.
 */
async function acceptForeign(deps: IntakeDeps, job: IncomingJob, id: string, payload: unknown): Promise<void> {
  const { db, defaultTenantId } = deps;
  try {
    await db.tx((tx) =>
      acceptTasks(tx, [
        {
          id,
          name: storableText(job.name),
          queue: job.queue,
          tenantId: defaultTenantId,
          payload: storableJson(JSON.stringify(payload) ?? 'null'),
          redisJobId: job.id === id ? undefined : storableText(job.id),
        },
      ]),
    );
  } catch (error) {
    // The id is taken by a row with other contents: that row decides.
    if (error instanceof MillraceError && error.code === 'task_id_taken') return;
    if (payload === null || isTransientDatabaseError(error)) throw error;
    // Nothing that JSON or Postgres could keep: the row says so by failing, for it has no payload.
    await acceptForeign(deps, job, id, null);
  }
}
