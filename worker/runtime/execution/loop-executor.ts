/** Runs handlers on the loop of this process: for work that waits more than it computes. */
import type { Database } from '../../db/index.ts';
import { createContext } from '../context.ts';
import type { Enqueuer } from '../enqueue.ts';
import { writeProgress } from '../ledger/finish.ts';
import type { ClaimedTask, Fence } from '../ledger/rows.ts';
import { delayAfterTimeout } from '../retry.ts';
import type { RunStop } from '../run-stop.ts';
import type { RegisteredTask } from '../task.ts';
import type { Ended, Executor, RunControl } from './executor.ts';
import { graceOnLoopMsOf } from './reasons.ts';
import { resultText } from './result.ts';
import type { Watchdog } from './watchdog.ts';

/** A handler that has not come back for so long after it was left behind never will: its process should start anew. */
const lostHandlerMs = 30_000;

export interface LoopExecutorDeps {
  readonly db: Database;
  readonly enqueuer: Pick<Enqueuer, 'leave'>;
  /** Told of runs, for the case that one keeps the loop busy past its limit. */
  readonly watchdog?: Watchdog | undefined;
  /** Told of handlers that neither heed their signal nor end. */
  readonly onLost: (run: { readonly task: string; readonly fence: Fence }) => void;
  /** Shorter in tests. */
  readonly lostAfterMs?: number | undefined;
}

export class LoopExecutor implements Executor {
  readonly #deps: LoopExecutorDeps;
  readonly #leftBehind = new Set<NodeJS.Timeout>();

  constructor(deps: LoopExecutorDeps) {
    this.#deps = deps;
  }

  async run(task: RegisteredTask, claimed: ClaimedTask, control: RunControl): Promise<Ended> {
    const { db, enqueuer, watchdog } = this.#deps;
    const { fence } = claimed;
    const { stop } = control;
    const context = createContext({
      enqueuer,
      task: claimed,
      retries: task.retry.retries,
      signal: () => stop.signal,
      log: control.log,
      db,
      writeProgress: control.writeProgress ?? ((progress) => writeProgress(db, fence, progress)),
    });
    const deadline = stop.entered();
    using _watched = watchdog?.watch({
      fence,
      task: task.name,
      attempt: claimed.attempts - 1,
      limitSeconds: task.timeLimitSeconds,
      retryDelayMs: delayAfterTimeout(task.retry, claimed.attempts, Math.random()),
      deadline,
    });
    const ran = ended(task, () => task.run(context, claimed.payload));
    const first = await endedOrLeft(ran, stop);
    if (first === undefined) this.#leave(task.name, fence, ran);
    await context.settle();
    return first === undefined || ('error' in first && stop.aborted) ? { error: stop.reason } : first;
  }

  async close(): Promise<void> {
    for (const timer of this.#leftBehind) clearTimeout(timer);
    this.#leftBehind.clear();
  }

  #leave(task: string, fence: Fence, ran: Promise<Ended>): void {
    const timer = setTimeout(() => {
      this.#leftBehind.delete(timer);
      this.#deps.onLost({ task, fence });
    }, this.#deps.lostAfterMs ?? lostHandlerMs).unref();
    this.#leftBehind.add(timer);
    void ran.then(() => {
      clearTimeout(timer);
      this.#leftBehind.delete(timer);
    });
  }
}

/** The handler's end; never rejects. */
export async function ended(
  task: RegisteredTask,
  run: () => Promise<unknown>,
): Promise<{ result: string } | { error: unknown }> {
  try {
    return { result: resultText(task.name, await run()) };
  } catch (error) {
    return { error };
  }
}

/** The handler's end; undefined when it has not heeded that it was told to stop. */
function endedOrLeft(ran: Promise<Ended>, stop: RunStop): Promise<Ended | undefined> {
  return new Promise((resolve) => {
    stop.onAbort(() => setTimeout(resolve, graceOnLoopMsOf(stop.reason), undefined).unref());
    void ran.then(resolve);
  });
}
