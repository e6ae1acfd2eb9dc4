/** What is told of a task while it lives, and how it stands in a stream of Redis. */
import { createHash } from 'node:crypto';
import type { ClaimedTask, TaskError, TaskRow, TaskStatus } from '../ledger/rows.ts';
import { isTerminal } from '../ledger/rows.ts';

/**
 * AIECS's names: a state, a new step, how far it has come, and the two ends. A task ends with one `result` or one `error`,
 * unless its dead letter is retried.
 */
export const liveEventNames = ['status', 'step', 'progress', 'result', 'error'] as const;
export type LiveEventName = (typeof liveEventNames)[number];

export interface NewLiveEvent {
  readonly event: LiveEventName;
  readonly tenantId: string;
  readonly taskId: string;
  readonly userId: string | undefined;
  /** Of the row when this was true: an older one that comes late is told apart by it. 0 for tasks that are not durable. */
  readonly epoch: number;
  /** False: the ledger has no row of it. */
  readonly durable: boolean;
  /** JSON text, as listeners get it: nobody on the way has to parse it. */
  readonly data: string;
}

export interface LiveEvent extends NewLiveEvent {
  /**
   * Its place in the tenant's stream, for whoever resumes after it. What was read from the ledger carries the place up to which the
   * stream was read by then; undefined while Redis cannot be asked.
   */
  readonly id: string | undefined;
}

export const isFinal = ({ event }: Pick<LiveEvent, 'event'>): boolean => event === 'result' || event === 'error';

/** Bytes of JSON that progress, result and error of an event may have together; what does not fit is left out, as `omitted` says. Bounds the streams. */
export const maxDataBytes = 2048;

/** Streams there are, each of many tenants: a bound on Redis's memory whatever the number of tenants. */
export const shards = 16;
/** Events kept of a stream, about: Redis trims whole nodes. */
export const keptEvents = 2000;

/** Shards of tenants that had events lately: a hash for each event took 8 µs of every run. */
const known = new Map<string, number>();
const maxKnown = 10_000;

/** The shard of a tenant's events. */
export function shardOf(tenantId: string): number {
  let shard = known.get(tenantId);
  if (shard === undefined) {
    shard = (createHash('sha256').update(tenantId).digest()[0] ?? 0) % shards;
    if (known.size === maxKnown) known.clear();
    known.set(tenantId, shard);
  }
  return shard;
}

/** One hash tag for all: a single XREAD reads several streams, which a cluster lets be in one slot only. */
export const streamKey = (shard: number): string => `{millrace:events}:${shard}`;

/** Names and values of an entry, in this order always, which Redis keeps once a node of the stream. */
export const toEntry = ({ event, tenantId, taskId, userId, epoch, durable, data }: NewLiveEvent): string[] => [
  't',
  tenantId,
  'k',
  event,
  'i',
  taskId,
  'u',
  userId ?? '',
  'e',
  durable ? String(epoch) : 'r',
  'd',
  data,
];

const isEventName = (name: string | undefined): name is LiveEventName =>
  name !== undefined && (liveEventNames as readonly string[]).includes(name);

/** Undefined for an entry that another release, or somebody else, has written. */
export function fromEntry(id: string, fields: readonly string[]): LiveEvent | undefined {
  const [t, tenantId, k, event, i, taskId, u, userId, e, epoch, d, data] = fields;
  if (`${t}${k}${i}${u}${e}${d}` !== 'tkiued' || !isEventName(event)) return undefined;
  if (tenantId === undefined || taskId === undefined || data === undefined) return undefined;
  const durable = epoch !== 'r';
  return {
    id,
    event,
    tenantId,
    taskId,
    userId: userId || undefined,
    epoch: durable ? Number(epoch) : 0,
    durable,
    data,
  };
}

/** Whose event it is. */
export interface LiveSubject {
  readonly taskId: string;
  readonly tenantId: string;
  readonly userId: string | undefined;
  readonly task: string;
  readonly queue: string;
  readonly epoch: number;
  readonly attempts: number;
  readonly durable: boolean;
}

export const subjectOf = (claimed: ClaimedTask): LiveSubject => ({
  taskId: claimed.fence.id,
  tenantId: claimed.tenantId,
  userId: claimed.userId,
  task: claimed.name,
  queue: claimed.queue,
  epoch: claimed.fence.epoch,
  attempts: claimed.attempts,
  durable: claimed.durable ?? true,
});

/** What is told beside the state; JSON texts go in unparsed. */
export interface LiveParts {
  readonly progress?: string | undefined;
  readonly result?: string | undefined;
  readonly error?: TaskError | undefined;
}

/** Many events are of one millisecond, and its text takes as long as the rest of one. */
let newest = { ms: Number.NaN, text: '' };
function isoTime(ms: number): string {
  if (ms !== newest.ms) newest = { ms, text: new Date(ms).toISOString() };
  return newest.text;
}

export function liveEvent(
  event: LiveEventName,
  subject: LiveSubject,
  status: TaskStatus,
  parts: LiveParts = {},
  at: Date = new Date(),
): NewLiveEvent {
  const { taskId, tenantId, userId, task, queue, epoch, attempts, durable } = subject;
  const texts = { error: parts.error && JSON.stringify(parts.error), result: parts.result, progress: parts.progress };
  let data =
    `{"task_id":${JSON.stringify(taskId)},"task":${JSON.stringify(task)},"queue":${JSON.stringify(queue)}` +
    `,"user_id":${JSON.stringify(userId ?? null)},"status":"${status}","attempts":${attempts},"epoch":${epoch}` +
    `,"durable":${durable},"at":"${isoTime(at.getTime())}"`;
  let left = maxDataBytes;
  let omitted = false;
  for (const [name, text] of Object.entries(texts)) {
    if (text === undefined) continue;
    const bytes = Buffer.byteLength(text);
    if (bytes > left) omitted = true;
    else {
      data += `,"${name}":${text}`;
      left -= bytes;
    }
  }
  data += omitted ? ',"omitted":true}' : '}';
  return { event, tenantId, taskId, userId, epoch, durable, data };
}

/** How a row stands, as one event: its end, or its state with the newest progress. */
export function eventOfRow(row: TaskRow, id: string | undefined, durable = true): LiveEvent {
  const { status, progress, result, error } = row;
  const subject: LiveSubject = {
    taskId: row.id,
    tenantId: row.tenant_id,
    userId: row.user_id ?? undefined,
    task: row.name,
    queue: row.queue,
    epoch: row.epoch,
    attempts: row.attempts,
    durable,
  };
  const parts: LiveParts = {
    ...(isTerminal(status) ? {} : { progress: progress === null ? undefined : JSON.stringify(progress) }),
    ...(status === 'COMPLETED' ? { result: JSON.stringify(result) } : { error: error ?? undefined }),
  };
  const event = !isTerminal(status) ? 'status' : status === 'COMPLETED' ? 'result' : 'error';
  return { ...liveEvent(event, subject, status, parts, row.finished_at ?? new Date()), id };
}
