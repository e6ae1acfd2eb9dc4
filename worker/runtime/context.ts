/** What a handler gets, bound to one claim. */
import { setTimeout as wait } from 'node:timers/promises';
import type { Database } from '../db/index.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { Enqueuer } from './enqueue.ts';
import { runEffect, runExternal } from './ledger/effects.ts';
import { parentResults } from './ledger/flow-results.ts';
import type { ClaimedTask } from './ledger/rows.ts';
import { needsLedger } from './not-durable/refusals.ts';
import type { Progress, TaskContext } from './task.ts';

/** Progress is for eyes: four writes a second and task are plenty. */
const progressIntervalMs = 250;

export interface RunContext extends TaskContext {
  /** Writes the newest progress at once and drops what comes later. */
  settle(): Promise<void>;
}

export interface ContextDeps {
  readonly db: Database;
  readonly enqueuer: Pick<Enqueuer, 'leave'>;
  readonly task: ClaimedTask;
  /** Retries of the task's policy. */
  readonly retries: number;
  readonly signal: AbortSignal;
  readonly log: Logger;
  /** Keeps the newest progress, JSON text. */
  readonly writeProgress: (progress: string) => Promise<unknown>;
}

export function createContext(deps: ContextDeps): RunContext {
  const { db, enqueuer, task, retries, writeProgress } = deps;
  const { fence, durable = true } = task;
  let newest: Progress | undefined;
  let writing: Promise<void> | undefined;
  let lastAt = 0;
  let closed = false;
  const closing = Promise.withResolvers<void>();

  const write = async () => {
    while (newest) {
      const waitMs = lastAt + progressIntervalMs - Date.now();
      if (waitMs > 0 && !closed) await Promise.race([wait(waitMs, undefined, { ref: false }), closing.promise]);
      const progress = newest;
      newest = undefined;
      lastAt = Date.now();
      try {
        await writeProgress(JSON.stringify(progress));
      } catch (error) {
        deps.log.debug({ err: error }, 'progress was not written');
      }
    }
  };

  return {
    taskId: fence.id,
    tenantId: task.tenantId,
    userId: task.userId,
    attempt: task.attempts - 1,
    lastAttempt: task.attempts > retries,
    // most handlers ask for neither, and both are made at their first use
    get signal() {
      return deps.signal;
    },
    get log() {
      return deps.log;
    },
    async enqueue(tx, tasks) {
      if (!durable) throw needsLedger(task.name, 'ctx.enqueue');
      const { tenantId, userId } = task;
      return enqueuer.leave(
        tx,
        tasks.map((followUp) => ({ ...followUp, tenantId, userId })),
      );
    },
    results: async () => (durable ? parentResults(db, fence.id) : []),
    async effect(step, work) {
      if (!durable) throw needsLedger(task.name, 'ctx.effect');
      return runEffect(db, fence, step, work);
    },
    async external(step, call) {
      if (!durable) throw needsLedger(task.name, 'ctx.external');
      return runExternal(db, fence, step, call);
    },
    progress(progress) {
      if (closed) return;
      newest = progress;
      writing ??= write().finally(() => {
        writing = undefined;
      });
    },
    async settle() {
      closed = true;
      closing.resolve();
      await writing;
      // reported between the last write and its end
      await write();
    },
  };
}
