/** One attempt of a claimed task, from its handler's start to its terminal or waiting state in the ledger. */
import { setTimeout as wait } from 'node:timers/promises';
import { type Database, isTransientDatabaseError } from '../db/index.ts';
import { errorText, MillraceError } from '../errors.ts';
import type { Logger } from '../telemetry/logger.ts';
import { createContext } from './context.ts';
import type { Enqueuer } from './enqueue.ts';
import type { Leases } from './leases.ts';
import { StaleOwnerError } from './ledger/effects.ts';
import { type Completion, failTask, handBack, retryTask } from './ledger/finish.ts';
import type { ClaimedTask, TaskError } from './ledger/rows.ts';
import { maxPayloadBytes } from './payload.ts';
import { afterFailure } from './retry.ts';
import { storableJson, storableText } from './storable.ts';
import type { RegisteredTask } from './task.ts';

export type Outcome = 'completed' | 'failed' | 'timed_out' | 'retrying' | 'handed_back' | 'overtaken';

export interface RunDeps {
  readonly db: Database;
  readonly enqueuer: Enqueuer;
  readonly leases: Leases;
  /** Writes the good end of a run, together with others; false when its fence was refused. */
  readonly complete: (completion: Completion) => Promise<boolean>;
  readonly log: Logger;
  /** Aborted when the process has used up its grace period: runs are handed back. */
  readonly draining: AbortSignal;
}

/** Longest time a timer of Node can wait (2^31 - 1 ms, 24.8 days). */
const maxTimerMs = 2_147_483_647;
/** Longest message of an error that is kept. */
const maxErrorChars = 2000;
/** Results are answers, not parcels: the same bound as payloads. */
const maxResultBytes = maxPayloadBytes;
/** The end of a run is written again and again while the database is away, up to this long; then the lease decides. */
const finishRetryMs = 10 * 60_000;

/** Thrown into handlers by `signal.reason`. */
class HandedBackError extends MillraceError {
  constructor() {
    super({ code: 'handed_back', message: 'The worker stops; the task is handed back and runs elsewhere.' });
  }
}

/** The task's own bound: the attempt ends as TIMED_OUT. */
class TimeLimitError extends MillraceError {
  constructor(task: string, seconds: number) {
    super({
      code: 'time_limit',
      message: `${task} ran for longer than its limit of ${seconds} s.`,
      hint: 'Split the work, or raise the time limit of the task.',
    });
  }
}

export async function runTask(deps: RunDeps, task: RegisteredTask, claimed: ClaimedTask): Promise<Outcome> {
  const { db, leases, draining } = deps;
  const { fence } = claimed;
  const log = deps.log.child({ task: claimed.name, task_id: fence.id, attempt: claimed.attempts - 1 });
  const control = new AbortController();
  using _held = leases.hold({ fence, lost: () => control.abort(new StaleOwnerError(fence)) });
  const onDrain = () => control.abort(new HandedBackError());
  if (draining.aborted) onDrain();
  else draining.addEventListener('abort', onDrain, { once: true });
  const limit = setTimeout(
    () => control.abort(new TimeLimitError(task.name, task.timeLimitSeconds)),
    Math.min(task.timeLimitSeconds * 1000, maxTimerMs),
  );
  const ctx = createContext({
    db,
    enqueuer: deps.enqueuer,
    task: claimed,
    retries: task.retry.retries,
    signal: control.signal,
    log,
  });
  try {
    const ended = await settled(() => task.run(ctx, claimed.payload), control.signal);
    clearTimeout(limit);
    await ctx.settle();
    return await finish(deps, task, claimed, ended, log);
  } finally {
    clearTimeout(limit);
    draining.removeEventListener('abort', onDrain);
  }
}

type Ended = { readonly result: unknown } | { readonly error: unknown };

/** How long a handler may go on after its signal was aborted before it is left behind; its effects are refused meanwhile. */
const abortGraceMs = 5000;

/** The handler's end, or its signal's when it does not heed that. */
async function settled(run: () => Promise<unknown>, signal: AbortSignal): Promise<Ended> {
  const aborted = new Promise<Ended>((resolve) => {
    const leaveBehind = () => {
      // over its time limit the row ends at once, and with it what the handler may still do
      const graceMs = signal.reason instanceof TimeLimitError ? 0 : abortGraceMs;
      setTimeout(() => resolve({ error: signal.reason }), graceMs).unref();
    };
    if (signal.aborted) leaveBehind();
    else signal.addEventListener('abort', leaveBehind, { once: true });
  });
  const ran: Promise<Ended> = (async () => {
    try {
      return { result: await run() };
    } catch (error) {
      return { error };
    }
  })();
  const ended = await Promise.race([ran, aborted]);
  // What a handler throws after its abort is the abort's doing.
  return 'error' in ended && signal.aborted ? { error: signal.reason } : ended;
}

async function finish(
  deps: RunDeps,
  task: RegisteredTask,
  claimed: ClaimedTask,
  ended: Ended,
  log: Logger,
): Promise<Outcome> {
  const { db } = deps;
  const { fence, attempts } = claimed;
  if ('result' in ended) {
    const result = resultText(task.name, ended.result);
    if (typeof result !== 'string') return finish(deps, task, claimed, { error: result }, log);
    let done: boolean;
    try {
      done = await persistently(() => deps.complete({ fence, result }), log);
    } catch (error) {
      if (isTransientDatabaseError(error)) throw error;
      // the database will never take this end: an attempt that counts, or the task would run for ever
      return finish(deps, task, claimed, { error }, log);
    }
    if (done) log.debug('task completed');
    return done ? 'completed' : overtaken(log);
  }
  const { error } = ended;
  if (error instanceof StaleOwnerError) return overtaken(log);
  if (error instanceof HandedBackError) {
    const back = await persistently(() => handBack(db, fence), log);
    log.info('task handed back');
    return back ? 'handed_back' : overtaken(log);
  }
  const kept = taskError(error, attempts - 1);
  if (error instanceof TimeLimitError) {
    log.error({ limit_seconds: task.timeLimitSeconds }, 'task timed out');
    return (await persistently(() => failTask(db, fence, kept, 'TIMED_OUT'), log)) ? 'timed_out' : overtaken(log);
  }
  const next = afterFailure(task.retry, attempts, error, Math.random());
  if (next.retry) {
    log.warn({ err: error, retry_in_ms: next.delayMs }, 'attempt failed');
    return (await persistently(() => retryTask(db, fence, kept, next.delayMs), log)) ? 'retrying' : overtaken(log);
  }
  log.error({ err: error, reason: next.reason }, 'task failed');
  return (await persistently(() => failTask(db, fence, kept, 'FAILED'), log)) ? 'failed' : overtaken(log);
}

function overtaken(log: Logger): Outcome {
  log.warn('this run was overtaken; what it wrote last was refused');
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

/** The result as JSON text for the ledger, or why it is none. */
function resultText(name: string, result: unknown): string | MillraceError {
  let text: string;
  try {
    text = storableJson(JSON.stringify(result ?? null) ?? 'null');
  } catch (cause) {
    return new MillraceError({ code: 'result_invalid', message: `${name} returned what is no JSON.`, cause });
  }
  const bytes = Buffer.byteLength(text);
  if (bytes <= maxResultBytes) return text;
  return new MillraceError({
    code: 'result_too_large',
    message: `${name} returned ${bytes} bytes; a result holds at most ${maxResultBytes}.`,
    hint: 'Write large results to storage and return where they lie.',
  });
}

/** Writes through an outage of the database. @throws what is no outage, or when it lasts too long. */
async function persistently(write: () => Promise<boolean>, log: Logger): Promise<boolean> {
  const deadline = Date.now() + finishRetryMs;
  for (let attempt = 0; ; attempt += 1) {
    try {
      return await write();
    } catch (error) {
      if (!isTransientDatabaseError(error) || Date.now() > deadline) throw error;
      if (attempt === 0)
        log.warn({ err: error }, 'the database is away; the end of the task is written when it is back');
      await wait(Math.min(200 * 2 ** attempt, 2000) * (0.9 + 0.2 * Math.random()));
    }
  }
}
