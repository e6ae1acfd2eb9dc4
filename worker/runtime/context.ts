/** What a handler gets, bound to one claim. */
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
  /** Asked when the handler asks: most never do. */
  readonly signal: () => AbortSignal;
  /** As `signal`. */
  readonly log: () => Logger;
  /** Keeps the newest progress, JSON text. */
  readonly writeProgress: (progress: string) => Promise<unknown>;
}

export const createContext = (deps: ContextDeps): RunContext => new Context(deps);

/**
 * A class for its getters: V8 makes an object literal with a getter a shape of its own each time, shapes are old from the start, and hold what the
 * getter closes over. Everything of every run was then kept until the next full collection (decision 0016).
 *
 * Its methods stand in fields, so that a handler may take them out of it.
 */
class Context implements RunContext {
  readonly taskId: string;
  readonly tenantId: string;
  readonly userId: string | undefined;
  readonly attempt: number;
  readonly lastAttempt: boolean;
  readonly #deps: ContextDeps;
  #newest: Progress | undefined;
  #writing: Promise<void> | undefined;
  #lastAt = 0;
  #closed = false;
  /** Cuts the wait of a write short. */
  #hurry: (() => void) | undefined;

  constructor(deps: ContextDeps) {
    const { task, retries } = deps;
    this.#deps = deps;
    this.taskId = task.fence.id;
    this.tenantId = task.tenantId;
    this.userId = task.userId;
    this.attempt = task.attempts - 1;
    this.lastAttempt = task.attempts > retries;
  }

  get signal(): AbortSignal {
    return this.#deps.signal();
  }

  get log(): Logger {
    return this.#deps.log();
  }

  readonly enqueue: TaskContext['enqueue'] = async (tx, tasks) => {
    const { enqueuer } = this.#deps;
    this.#mustBeDurable('ctx.enqueue');
    const { tenantId, userId } = this;
    return enqueuer.leave(
      tx,
      tasks.map((followUp) => ({ ...followUp, tenantId, userId })),
    );
  };

  readonly results: TaskContext['results'] = async () =>
    this.#durable ? parentResults(this.#deps.db, this.taskId) : [];

  readonly effect: TaskContext['effect'] = async (step, work) => {
    this.#mustBeDurable('ctx.effect');
    return runEffect(this.#deps.db, this.#deps.task.fence, step, work);
  };

  readonly external: TaskContext['external'] = async (step, call) => {
    this.#mustBeDurable('ctx.external');
    return runExternal(this.#deps.db, this.#deps.task.fence, step, call);
  };

  readonly progress: TaskContext['progress'] = (progress) => {
    if (this.#closed) return;
    this.#newest = progress;
    this.#writing ??= this.#write().finally(() => {
      this.#writing = undefined;
    });
  };

  readonly settle: RunContext['settle'] = async () => {
    this.#closed = true;
    this.#hurry?.();
    if (this.#writing) await this.#writing;
    // reported between the last write and its end
    if (this.#newest) await this.#write();
  };

  get #durable(): boolean {
    return this.#deps.task.durable ?? true;
  }

  #mustBeDurable(what: string): void {
    if (!this.#durable) throw needsLedger(this.#deps.task.name, what);
  }

  async #write(): Promise<void> {
    while (this.#newest) {
      const waitMs = this.#lastAt + progressIntervalMs - Date.now();
      if (waitMs > 0 && !this.#closed) await this.#pause(waitMs);
      const progress = this.#newest;
      this.#newest = undefined;
      this.#lastAt = Date.now();
      try {
        await this.#deps.writeProgress(JSON.stringify(progress));
      } catch (error) {
        this.log.debug({ err: error }, 'progress was not written');
      }
    }
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms).unref();
      const hurry = () => {
        clearTimeout(timer);
        resolve();
      };
      this.#hurry = hurry;
    });
  }
}
