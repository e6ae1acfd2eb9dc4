/** A job's hash in Redis, as the row that it would be in the ledger. */
import { z } from 'zod';
import type { QueueName } from '../../queues.ts';
import { priorityOf } from '../job.ts';
import type { Json } from '../json.ts';
import type { TaskError, TaskRow, TaskStatus } from '../ledger/rows.ts';
import { notDurableMeta, readStoredError, type StoredError } from './job.ts';

export type NotDurableRow = TaskRow & { readonly durable: false };

export const isNotDurableRow = (row: TaskRow): row is NotDurableRow => 'durable' in row && row.durable === false;

/** Fields of BullMQ's hash, in the order that they are asked for. */
export const rowFields = [
  'name',
  'data',
  'opts',
  'timestamp',
  'processedOn',
  'finishedOn',
  'progress',
  'returnvalue',
  'failedReason',
  'stacktrace',
  'atm',
  'stc',
  'pb',
] as const;

export interface StoredJob {
  readonly id: string;
  readonly queue: QueueName;
  /** Of `rowFields`. */
  readonly values: readonly (string | null)[];
  /** Somebody holds it. */
  readonly locked: boolean;
  /** In the set of delayed jobs: the time, shifted. */
  readonly delayedScore: string | null;
}

/** BullMQ keeps times of delayed jobs with twelve bits below them for their order. */
const delayedShift = 0x1000;

const optionsSchema = z.object({ priority: z.number().optional(), delay: z.number().optional() });
const errorsSchema = z.array(z.string());

const json = (text: string | null | undefined): unknown => {
  try {
    return JSON.parse(text ?? 'null');
  } catch {
    return null;
  }
};
const number = (text: string | null | undefined): number => Number(text ?? 0) || 0;
const date = (text: string | null | undefined): Date | null => (text == null ? null : new Date(number(text)));

/** Undefined for a job that is none of those that are not durable. */
export function rowOfJob({ id, queue, values, locked, delayedScore }: StoredJob): NotDurableRow | undefined {
  const field = Object.fromEntries(rowFields.map((name, index) => [name, values[index]]));
  const data = json(field.data);
  const meta = notDurableMeta(data);
  if (!meta) return undefined;
  const options = optionsSchema.safeParse(json(field.opts)).data ?? {};
  const errors = (errorsSchema.safeParse(json(field.stacktrace)).data ?? []).flatMap(
    (text) => readStoredError(text) ?? [],
  );
  const failedAttempts = number(field.atm);
  const acceptedAt = number(field.timestamp);
  const dueAt =
    delayedScore === null ? acceptedAt + (options.delay ?? 0) : Math.floor(Number(delayedScore) / delayedShift);
  const completed = field.returnvalue != null;
  const finishedAt = date(field.finishedOn);
  const error = completed ? null : (errors.at(-1) ?? reasonOnly(field.failedReason, failedAttempts));
  const status = finishedAt ? ended(completed, error) : locked ? 'RUNNING' : failedAttempts > 0 ? 'RETRYING' : 'QUEUED';
  const waiting = status === 'QUEUED' || status === 'RETRYING';
  return {
    id,
    durable: false,
    tenant_id: meta.tenant_id,
    user_id: meta.user_id ?? null,
    name: field.name ?? '',
    queue,
    status,
    priority: priorityOf(options.priority ?? 0),
    payload: (data as { readonly payload: Json }).payload,
    // one that expired was never started
    attempts: status === 'RUNNING' ? failedAttempts + 1 : status === 'EXPIRED' ? failedAttempts - 1 : failedAttempts,
    deaths: number(field.stc),
    epoch: 0,
    worker: waiting ? null : (field.pb ?? null),
    unique_key: null,
    due_at: new Date(dueAt),
    expires_at: meta.expires_at === undefined ? null : new Date(meta.expires_at),
    accepted_at: new Date(acceptedAt),
    started_at: status === 'EXPIRED' ? null : date(field.processedOn),
    finished_at: finishedAt,
    progress: progressOf(json(field.progress)),
    result: completed ? (json(field.returnvalue) as Json) : null,
    error: error && told(error),
    error_history: errors.map(told),
    redis_job_id: null,
    dead_letter: false,
    flow_id: null,
    waiting_for: 0,
  };
}

/** BullMQ's own progress of a job that reported none is 0. */
const progressOf = (value: unknown): Json => (typeof value === 'object' ? (value as Json) : null);

/** Of a job whose last error somebody else wrote. */
const reasonOnly = (reason: string | null | undefined, failedAttempts: number): StoredError | null =>
  reason == null
    ? null
    : { code: 'task_error', message: reason, at: new Date().toISOString(), attempt: Math.max(0, failedAttempts - 1) };

const ended = (completed: boolean, error: StoredError | null): TaskStatus =>
  completed ? 'COMPLETED' : (error?.status ?? 'FAILED');

/** As others see it. */
const told = ({ code, message, at, attempt }: StoredError): TaskError => ({ code, message, at, attempt });
