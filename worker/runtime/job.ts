/** A job as it stands in Redis. Any BullMQ client may add one; `meta` says where it comes from. */
import type { Job, JobsOptions } from 'bullmq';
import { validate as isUuid, v5 as uuidv5 } from 'uuid';
import { z } from 'zod';
import type { QueueName } from '../queues.ts';
import type { Handover } from './ledger/handover.ts';

export const jobMetaSchema = z.object({
  v: z.literal(1),
  /** `ledger`: a row stands behind it. `redis`: a task that is not durable. */
  origin: z.enum(['ledger', 'redis']),
  tenant_id: z.uuid(),
  user_id: z.string().optional(),
  trace: z.string().optional(),
  expires_at: z.string().optional(),
});

export type JobMeta = z.output<typeof jobMetaSchema>;

export interface JobData {
  readonly payload: unknown;
  readonly meta?: JobMeta;
}

/** Steps between two priorities, room for every place of the window. BullMQ allows up to 2^21. */
const priorityStride = 200_000;

/**
 * BullMQ runs low numbers first, and jobs without priority before all others: (9 - p) * 200,000 + place + 1 puts 9 first and
 * keeps every durable job behind none.
 * @param priority 1 to 9, 9 first
 * @param place the tenant's place in the queue's window, from 0
 */
export const bullPriority = (priority: number, place = 0): number => (9 - priority) * priorityStride + place + 1;

/** The priority that a BullMQ priority stands for; 5 for none. */
export const priorityOf = (bull: number): number =>
  bull <= 0 ? 5 : Math.max(1, 9 - Math.floor((bull - 1) / priorityStride));

/** BullMQ decides nothing about a durable task: no attempts, no delay, and the job goes when it is acknowledged. */
export const durableJobOptions = {
  attempts: 1,
  removeOnComplete: true,
  removeOnFail: true,
} as const satisfies JobsOptions;

/** A job that is to wait by its priority: not for a time, and not for others. */
export interface PlainJob {
  readonly name: string;
  readonly data: JobData;
  readonly opts: Pick<JobsOptions, 'attempts' | 'backoff' | 'removeOnComplete' | 'removeOnFail'> & {
    readonly jobId: string;
    readonly priority: number;
  };
}

/** The job of a ledger row. */
export function jobOf(row: Handover): PlainJob {
  const meta: JobMeta = {
    v: 1,
    origin: 'ledger',
    tenant_id: row.tenantId,
    ...(row.userId === undefined ? {} : { user_id: row.userId }),
  };
  return {
    name: row.name,
    data: { payload: row.payload, meta },
    opts: { ...durableJobOptions, jobId: row.id, priority: bullPriority(row.priority, row.place) },
  };
}

/** Whether a job was sent by Millrace, and nothing of BullMQ's own is tied to its end. */
export const isPlain = ({ data, parentKey, repeatJobKey, deduplicationId }: Job<JobData>): boolean =>
  data?.meta?.origin !== undefined && parentKey === undefined && !repeatJobKey && !deduplicationId;

/** Namespace of ids made from foreign jobs: any constant serves, so long as it never changes. */
const foreignNamespace = '5b1f2a0e-6d0b-4c55-9e57-0c8a3d1f7e42';

/** The ledger id of a job added by another client: its own when it is a UUID, else made from queue, id and time of adding. */
export function foreignTaskId(queue: QueueName, jobId: string, timestamp: number): string {
  // lower case as Postgres writes it, or the row would not be known again by its id
  return isUuid(jobId) ? jobId.toLowerCase() : uuidv5(`${queue}:${jobId}:${timestamp}`, foreignNamespace);
}
