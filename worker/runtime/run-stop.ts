/** What tells one run to stop: its time limit, the end of its process, the loss of its claim. */
import { Bag } from './bag.ts';
import { HandedBackError, TimeLimitError } from './execution/reasons.ts';
import type { RegisteredTask } from './task.ts';

/** Longest time a timer of Node can wait (2^31 - 1 ms, 24.8 days). */
const maxTimerMs = 2_147_483_647;

/**
 * Runs of a process by the signal of its end, which has one listener for all: an EventTarget compares each new listener with every
 * one that it has, and a worker has a run for each slot.
 */
const draining = new WeakMap<AbortSignal, Bag<RunStop>>();

function runsUntil(end: AbortSignal): Bag<RunStop> {
  const known = draining.get(end);
  if (known) return known;
  const runs = new Bag<RunStop>();
  draining.set(end, runs);
  const stopAll = () => {
    for (const run of runs) run.abort(new HandedBackError());
  };
  end.addEventListener('abort', stopAll, { once: true });
  return runs;
}

/** Dispose it when the run's end is written. */
export class RunStop implements Disposable {
  readonly #task: Pick<RegisteredTask, 'name' | 'timeLimitSeconds'>;
  readonly #runs: Bag<RunStop>;
  #aborted: { readonly reason: unknown } | undefined;
  #listener: (() => void) | undefined;
  /** Made when a handler asks for its signal: most end before anybody would abort it. */
  #controller: AbortController | undefined;
  #limit: NodeJS.Timeout | undefined;

  /** @param end aborted when the process has used up its grace period: the run is handed back */
  constructor(task: Pick<RegisteredTask, 'name' | 'timeLimitSeconds'>, end: AbortSignal) {
    this.#task = task;
    this.#runs = runsUntil(end);
    if (end.aborted) this.abort(new HandedBackError());
    else this.#runs.add(this);
  }

  get aborted(): boolean {
    return this.#aborted !== undefined;
  }

  /** Why it was told to stop; undefined while it was not. */
  get reason(): unknown {
    return this.#aborted?.reason;
  }

  /** For handlers. */
  get signal(): AbortSignal {
    if (!this.#controller) {
      this.#controller = new AbortController();
      if (this.#aborted) this.#controller.abort(this.#aborted.reason);
    }
    return this.#controller.signal;
  }

  /** The first reason counts. */
  abort(reason: unknown): void {
    if (this.#aborted) return;
    this.#aborted = { reason };
    this.#controller?.abort(reason);
    this.#listener?.();
  }

  /** For the one who runs the handler: calls `listener` once, now when it was told to stop already. */
  onAbort(listener: () => void): void {
    if (this.#aborted) listener();
    else this.#listener = listener;
  }

  /** The handler is entered: its time counts from the first call. Returns when it is over, ms of the system's clock. */
  entered(): number {
    const { name, timeLimitSeconds } = this.#task;
    const limitMs = Math.min(timeLimitSeconds * 1000, maxTimerMs);
    this.#limit ??= setTimeout(() => this.abort(new TimeLimitError(name, timeLimitSeconds)), limitMs);
    return Date.now() + limitMs;
  }

  /** The handler has ended: no limit counts any more. */
  left(): void {
    clearTimeout(this.#limit);
  }

  [Symbol.dispose](): void {
    this.left();
    this.#runs.delete(this);
  }
}
