/** What waits for one slow reader: of each task the newest only, ends always, and never more than a bound. */
import { isFinal, type LiveEvent } from '../../runtime/index.ts';

/** States and progress that wait, at most; of more the oldest goes, and the reader is told of a gap. */
export const maxWaiting = 1000;
/** Ends and answers that wait, at most; of more the reader is given up. More than a resumed reader can have missed at once. */
export const maxWaitingEnds = 5000;

export interface Sink<T> {
  /** False while the reader has not taken what it was sent. Call `Outlet.drained` when it has. */
  readonly writable: () => boolean;
  readonly write: (value: T) => void;
  /** The reader takes too little to be told every end: close it, with its code. */
  readonly overflow: () => void;
  /** What tells it, once it takes something again, that states are missing. */
  readonly lagged: () => T;
}

interface Waiting<T> {
  readonly value: T;
  readonly kept: boolean;
}

export class Outlet<T> {
  readonly #sink: Sink<T>;
  /** Oldest first. */
  readonly #waiting = new Map<string, Waiting<T>>();
  #kept = 0;
  #lagged = false;
  #over = false;
  #answers = 0;

  constructor(sink: Sink<T>) {
    this.#sink = sink;
  }

  get size(): number {
    return this.#waiting.size;
  }

  /** @param under tells apart the subscriptions of one reader */
  event(under: string, event: LiveEvent, value: T): void {
    if (this.#passes(value)) return;
    const task = `${under} ${event.taskId}`;
    const stale = isFinal(event) ? ['status', 'step', 'progress'] : event.event === 'step' ? ['step', 'progress'] : [];
    for (const name of stale) this.#waiting.delete(`${task} ${name}`);
    this.#wait(`${task} ${event.event}${isFinal(event) ? event.epoch : ''}`, { value, kept: isFinal(event) });
  }

  /** Answers and what else must not be left out. */
  always(value: T): void {
    if (this.#passes(value)) return;
    this.#answers += 1;
    this.#wait(`answer ${this.#answers}`, { value, kept: true });
  }

  /** The reader has taken what it was sent: writes on until it is slow again. */
  drained(): void {
    if (this.#lagged && this.#sink.writable()) {
      this.#lagged = false;
      this.#sink.write(this.#sink.lagged());
    }
    for (const [key, { value, kept }] of this.#waiting) {
      if (!this.#sink.writable()) return;
      this.#waiting.delete(key);
      if (kept) this.#kept -= 1;
      this.#sink.write(value);
    }
  }

  #passes(value: T): boolean {
    if (this.#over) return true;
    if (this.#waiting.size > 0 || this.#lagged || !this.#sink.writable()) return false;
    this.#sink.write(value);
    return true;
  }

  #wait(key: string, waiting: Waiting<T>): void {
    // the newest takes the newest's place
    const before = this.#waiting.get(key);
    this.#waiting.delete(key);
    this.#waiting.set(key, waiting);
    if (waiting.kept && !before) this.#kept += 1;
    if (this.#kept > maxWaitingEnds) this.#giveUp();
    else if (this.#waiting.size - this.#kept > maxWaiting) this.#dropOldest();
  }

  #dropOldest(): void {
    for (const [key, { kept }] of this.#waiting) {
      if (kept) continue;
      this.#waiting.delete(key);
      this.#lagged = true;
      return;
    }
  }

  #giveUp(): void {
    this.#over = true;
    this.#waiting.clear();
    this.#kept = 0;
    this.#sink.overflow();
  }
}
