/** One attempt of a task that is not durable, from its fetch to its end in Redis. The ledger is asked nothing and told nothing. */
import { UnrecoverableError } from 'bullmq';
import { MillraceError, PermanentError } from '../../errors.ts';
import type { Logger } from '../../telemetry/logger.ts';
import type { Ended, Executor } from '../execution/executor.ts';
import { HandedBackError, TimeLimitError } from '../execution/reasons.ts';
import { foreignTaskId, type JobMeta } from '../job.ts';
import type { FetchedJob, JobSource } from '../job-source.ts';
import { maxDeaths } from '../ledger/deaths.ts';
import type { ClaimedTask } from '../ledger/rows.ts';
import type { LiveSink } from '../live/publisher.ts';
import { RunEvents } from '../live/run-events.ts';
import type { RuntimeMetrics } from '../metrics.ts';
import type { TaskRegistry } from '../registry.ts';
import { afterFailure } from '../retry.ts';
import { RunStop } from '../run-stop.ts';
import { type Outcome, taskError } from '../run-task.ts';
import type { RegisteredTask } from '../task.ts';
import { unknownTask } from '../unknown-task.ts';
import { type StoredError, storedError } from './job.ts';

export interface NotDurableRunDeps {
  readonly executor: Executor;
  readonly registry: TaskRegistry;
  readonly metrics: RuntimeMetrics;
  readonly log: Logger;
  /** Told of what Redis has taken. */
  readonly live: LiveSink;
  /** Name of this process's consumer among others. */
  readonly owner: string;
  /** Aborted when the process has used up its grace period: runs are handed back. */
  readonly draining: AbortSignal;
}

/** A job as it was fetched. */
export interface HeldJob {
  readonly source: JobSource;
  readonly job: FetchedJob;
  readonly meta: JobMeta;
  readonly token: string;
  /** Whether the slot may go on with the queue's next job. */
  readonly wantsNext: () => boolean;
}

/** What an ended attempt leaves: how it ended, and the queue's next job where one came with it. */
interface Left {
  readonly outcome: Outcome;
  readonly next?: FetchedJob | undefined;
}

/**
 * Milliseconds until the next attempt, by the task's retry policy; -1 for none. For BullMQ's `backoffStrategy`.
 * @param attempts made so far, the failed one included
 */
export const retryDelayMs = (registry: TaskRegistry, name: string, attempts: number): number => {
  const task = registry.get(name);
  if (!task) return -1;
  const next = afterFailure(task.retry, attempts, undefined, Math.random());
  return next.retry ? next.delayMs : -1;
};

/** Runs the job and returns the queue's next one when it came with the end of this. Never throws. */
export async function runNotDurable(deps: NotDurableRunDeps, held: HeldJob): Promise<FetchedJob | undefined> {
  const { registry, metrics, log } = deps;
  const { job, source } = held;
  const task = registry.get(job.name) ?? unknownTask(job.name, source.queueName, registry.names);
  const claimed = claimOf(held, deps.owner);
  const events = new RunEvents(deps.live, claimed);
  try {
    const over = neverStarted(held, claimed);
    if (over) {
      const next = await endFailed(held, over, true);
      events.failed(over.status ?? 'FAILED', over);
      return next;
    }
    using observed = metrics.taskStarted(claimed);
    const { outcome, next } = await attempt({ ...deps, events }, held, task, claimed);
    observed.outcome = outcome;
    return next;
  } catch (error) {
    // its lock lapses, and it is given out again: without a ledger there is nobody else to tell
    log.warn(
      { err: error, task: job.name, task_id: job.id },
      'the end of a task that is not durable was not taken by redis',
    );
    return undefined;
  }
}

/** In the shape of a row that was claimed: its fence opens nothing. */
function claimOf({ job, meta, source }: HeldJob, owner: string): ClaimedTask {
  const id = foreignTaskId(source.queueName, job.id ?? '', job.timestamp);
  const again = job.attemptsMade > 0 || job.stalledCounter > 0;
  return {
    fence: { id, epoch: 0, owner },
    durable: false,
    name: job.name,
    queue: source.queueName,
    tenantId: meta.tenant_id,
    userId: meta.user_id,
    payload: job.data.payload,
    attempts: job.attemptsMade + 1,
    deaths: job.stalledCounter,
    // the process that held it is gone, or did not answer: the next one is kept from that
    suspect: job.stalledCounter > 0,
    leads: false,
    acceptedAt: new Date(job.timestamp),
    // of a retry BullMQ forgets when it was due
    dueAt: new Date(again ? (job.processedOn ?? Date.now()) : job.timestamp + (job.opts.delay ?? 0)),
  };
}

/** Why a job is ended without running it. */
function neverStarted({ meta }: HeldJob, { attempts, deaths }: ClaimedTask): StoredError | undefined {
  if (deaths >= maxDeaths) {
    const error = new MillraceError({
      code: 'deaths_exceeded',
      message: `${deaths} processes died while they held it.`,
    });
    return taskError(error, attempts - 1);
  }
  if (meta.expires_at === undefined || !(Date.parse(meta.expires_at) <= Date.now())) return undefined;
  const error = new MillraceError({ code: 'expired', message: 'It was not started before its expiry.' });
  return { ...taskError(error, attempts - 1), status: 'EXPIRED' };
}

interface AttemptDeps extends NotDurableRunDeps {
  readonly events: RunEvents;
}

async function attempt(deps: AttemptDeps, held: HeldJob, task: RegisteredTask, claimed: ClaimedTask): Promise<Left> {
  const { draining, executor, events } = deps;
  let log: Logger | undefined;
  const logOf = () => {
    log ??= deps.log.child({ task: task.name, task_id: claimed.fence.id, attempt: claimed.attempts - 1 });
    return log;
  };
  using stop = new RunStop(task, draining);
  const writeProgress = async (progress: string) => {
    await held.job.updateProgress(JSON.parse(progress));
    events.progress(progress);
  };
  events.started();
  const ended = await executor.run(task, claimed, { stop, log: logOf, writeProgress });
  stop.left();
  if ('result' in ended) {
    const left = await complete(held, ended.result);
    events.completed(ended.result);
    return left;
  }
  // awaited here: the run is known to its process until its end is written
  return await finish({ held, events }, task, claimed, ended, logOf());
}

async function complete({ job, source, token, wantsNext }: HeldJob, result: string): Promise<Left> {
  return { outcome: 'completed', next: await source.complete(job, result, token, wantsNext()) };
}

async function finish(
  { held, events }: { readonly held: HeldJob; readonly events: RunEvents },
  task: RegisteredTask,
  claimed: ClaimedTask,
  ended: Exclude<Ended, { readonly result: string }>,
  log: Logger,
): Promise<Left> {
  const { job, token } = held;
  if ('postponed' in ended) {
    log.debug({ why: ended.postponed }, 'task put off');
    await job.moveToDelayed(Date.now() + ended.delayMs, token);
    events.waitsAgain();
    return { outcome: 'postponed' };
  }
  const error =
    'died' in ended
      ? new MillraceError({ code: 'process_died', message: `What the task ran in ${ended.died}.` })
      : ended.error;
  if (error instanceof HandedBackError) {
    await held.source.handBack(job, token);
    events.waitsAgain();
    log.info('task handed back');
    return { outcome: 'handed_back' };
  }
  const stored = taskError(error, claimed.attempts - 1);
  if (error instanceof TimeLimitError) {
    const next = await endFailed(held, { ...stored, status: 'TIMED_OUT' }, !task.retry.timeouts);
    if (job.finishedOn === undefined) {
      log.warn({ err: error, retry_in_ms: job.delay }, 'attempt timed out');
      events.retrying(stored);
      return { outcome: 'retrying', next };
    }
    log.error({ err: error }, 'task timed out');
    events.failed('TIMED_OUT', stored);
    return { outcome: 'timed_out', next };
  }
  const next = await endFailed(held, stored, error instanceof PermanentError);
  const over = job.finishedOn !== undefined;
  if (over) events.failed('FAILED', stored);
  else events.retrying(stored);
  if (over) log.error({ err: error }, 'task failed');
  else log.warn({ err: error, retry_in_ms: job.delay }, 'attempt failed');
  return { outcome: over ? 'failed' : 'retrying', next };
}

/** @param final no attempt follows, however many are left */
function endFailed(held: HeldJob, stored: StoredError, final: boolean): Promise<FetchedJob | undefined> {
  const { job, source, token } = held;
  const error = final ? new UnrecoverableError(stored.message) : new Error(stored.message);
  return source.fail(job, storedError(error, stored), token, held.wantsNext());
}
