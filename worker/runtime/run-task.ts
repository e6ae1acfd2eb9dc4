/** One attempt of a claimed task, from its handler's start to its terminal or waiting state in the ledger. */
import { setTimeout as wait } from 'node:timers/promises';
import { type Database, isTransientDatabaseError } from '../db/index.ts';
import { errorText, MillraceError } from '../errors.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { Ended, Executor } from './execution/executor.ts';
import { HandedBackError, TimeLimitError } from './execution/reasons.ts';
import type { Leases } from './leases.ts';
import { giveUpAfterDeath, maxDeaths, postponeTask, putBackAfterDeath } from './ledger/deaths.ts';
import { StaleOwnerError } from './ledger/effects.ts';
import { type Completion, failTask, handBack, retryTask, writeProgress } from './ledger/finish.ts';
import type { ClaimedTask, TaskError } from './ledger/rows.ts';
import { retryAfterTimeout } from './ledger/timeouts.ts';
import { publishFollowers } from './live/accepted.ts';
import type { LiveSink } from './live/publisher.ts';
import { RunEvents } from './live/run-events.ts';
import { afterFailure } from './retry.ts';
import { RunStop } from './run-stop.ts';
import { storableText } from './storable.ts';
import type { RegisteredTask } from './task.ts';

export type Outcome =
  | 'completed'
  | 'failed'
  | 'timed_out'
  | 'retrying'
  | 'handed_back'
  | 'died'
  | 'postponed'
  | 'overtaken';

export interface RunDeps {
  readonly db: Database;
  readonly executor: Executor;
  readonly leases: Leases;
  /** Writes the good end of a run, together with others; false when its fence was refused. */
  readonly complete: (completion: Completion) => Promise<boolean>;
  /** Told of what the ledger has taken. */
  readonly live: LiveSink;
  readonly log: Logger;
  /** Aborted when the process has used up its grace period: runs are handed back. */
  readonly draining: AbortSignal;
}

/** Outcomes with which those end that wait for the task. */
const cancelsFollowers: ReadonlySet<Outcome> = new Set(['failed', 'timed_out']);

/** Longest message of an error that is kept. */
const maxErrorChars = 2000;
/** The end of a run is written again and again while the database is away, up to this long; then the lease decides. */
const finishRetryMs = 10 * 60_000;

export async function runTask(deps: RunDeps, task: RegisteredTask, claimed: ClaimedTask): Promise<Outcome> {
  const { db, executor, leases, draining, live } = deps;
  const { fence } = claimed;
  const events = new RunEvents(live, claimed);
  let made: Logger | undefined;
  const log = () => {
    made ??= deps.log.child({ task: claimed.name, task_id: fence.id, attempt: claimed.attempts - 1 });
    return made;
  };
  using stop = new RunStop(task, draining);
  using _held = leases.hold({ fence, lost: () => stop.abort(new StaleOwnerError(fence)) });
  const keepProgress = async (progress: string) => {
    if (await writeProgress(db, fence, progress)) events.progress(progress);
  };
  events.started();
  const ended = await executor.run(task, claimed, { stop, log, writeProgress: keepProgress });
  stop.left();
  const outcome = await finish({ ...deps, events }, task, claimed, ended, log);
  if (claimed.leads && cancelsFollowers.has(outcome)) await publishFollowers(deps, [fence.id]);
  return outcome;
}

interface FinishDeps extends RunDeps {
  readonly events: RunEvents;
}

async function finish(
  deps: FinishDeps,
  task: RegisteredTask,
  claimed: ClaimedTask,
  ended: Ended,
  log: () => Logger,
): Promise<Outcome> {
  const { db, events } = deps;
  const { fence, attempts } = claimed;
  /** Tells what was written, unless this run was overtaken. */
  const written = (letIn: boolean, outcome: Outcome, tell: () => void): Outcome => {
    if (!letIn) return overtaken(log);
    tell();
    return outcome;
  };
  if ('died' in ended) return finishDeath(deps, claimed, ended.died, log);
  if ('postponed' in ended) {
    log().debug({ why: ended.postponed }, 'task put off');
    const put = await persistently(() => postponeTask(db, fence, ended.delayMs), log);
    return written(put, 'postponed', () => events.waitsAgain());
  }
  if ('result' in ended) {
    let done: boolean;
    try {
      done = await persistently(() => deps.complete({ fence, result: ended.result }), log);
    } catch (error) {
      if (isTransientDatabaseError(error)) throw error;
      // the database will never take this end: an attempt that counts, or the task would run for ever
      return finish(deps, task, claimed, { error }, log);
    }
    if (done && deps.log.isLevelEnabled('debug')) log().debug('task completed');
    return written(done, 'completed', () => events.completed(ended.result));
  }
  const { error } = ended;
  if (error instanceof StaleOwnerError) return overtaken(log);
  if (error instanceof HandedBackError) {
    const back = await persistently(() => handBack(db, fence), log);
    log().info('task handed back');
    return written(back, 'handed_back', () => events.waitsAgain());
  }
  const kept = taskError(error, attempts - 1);
  const late = error instanceof TimeLimitError;
  const next = afterFailure(task.retry, attempts, error, Math.random());
  if (next.retry) {
    log().warn({ err: error, retry_in_ms: next.delayMs }, late ? 'attempt timed out' : 'attempt failed');
    const retry = late ? retryAfterTimeout : retryTask;
    const retried = await persistently(() => retry(db, fence, kept, next.delayMs), log);
    return written(retried, 'retrying', () => events.retrying(kept, late));
  }
  const status = late ? 'TIMED_OUT' : 'FAILED';
  log().error({ err: error, reason: next.reason }, late ? 'task timed out' : 'task failed');
  const over = await persistently(() => failTask(db, fence, kept, status), log);
  return written(over, late ? 'timed_out' : 'failed', () => events.failed(status, kept));
}

/** What it ran in died of it: that counts as a death, not as an attempt. */
async function finishDeath(
  { db, events }: FinishDeps,
  claimed: ClaimedTask,
  how: string,
  log: () => Logger,
): Promise<Outcome> {
  const { fence, attempts, deaths } = claimed;
  const death = taskError(
    new MillraceError({ code: 'process_died', message: `What the task ran in ${how}.` }),
    attempts - 1,
  );
  if (deaths + 1 < maxDeaths) {
    log().warn({ deaths: deaths + 1, how }, 'what the task ran in died; it runs again, alone in a child');
    if (!(await persistently(() => putBackAfterDeath(db, fence, death), log))) return overtaken(log);
    events.waitsAgain(death);
    return 'died';
  }
  const reason = taskError(
    new MillraceError({ code: 'deaths_exceeded', message: `${deaths + 1} processes died of it; the last ${how}.` }),
    attempts - 1,
  );
  log().error({ deaths: deaths + 1, how }, 'task failed: its processes die of it');
  if (!(await persistently(() => giveUpAfterDeath(db, fence, death, reason), log))) return overtaken(log);
  events.failed('FAILED', reason);
  return 'failed';
}

function overtaken(log: () => Logger): Outcome {
  log().warn('this run was overtaken; what it wrote last was refused');
  return 'overtaken';
}

export function taskError(error: unknown, attempt: number): TaskError {
  return {
    code: error instanceof MillraceError ? error.code : 'task_error',
    // made storable last: the cut may leave half a surrogate pair
    message: storableText(errorText(error).slice(0, maxErrorChars)),
    at: new Date().toISOString(),
    attempt,
  };
}

/** Writes through an outage of the database. @throws what is no outage, or when it lasts too long. */
async function persistently(write: () => Promise<boolean>, log: () => Logger): Promise<boolean> {
  const deadline = Date.now() + finishRetryMs;
  for (let attempt = 0; ; attempt += 1) {
    try {
      return await write();
    } catch (error) {
      if (!isTransientDatabaseError(error) || Date.now() > deadline) throw error;
      if (attempt === 0)
        log().warn({ err: error }, 'the database is away; the end of the task is written when it is back');
      await wait(Math.min(200 * 2 ** attempt, 2000) * (0.9 + 0.2 * Math.random()));
    }
  }
}
