/** A few warm children that take one document after another: starting Node and the libraries costs more than most documents. */
import { BoundedChild, type Job } from './bounded-child.ts';
import type { ChildOptions } from './process.ts';

export interface PoolOptions extends ChildOptions {
  /** Children at most, so jobs at a time; further jobs wait their turn. */
  readonly size: number;
  /** A child that has grown beyond this after a job is not used again, in bytes. */
  readonly recycleRssBytes: number;
  /** A child is not used for more jobs than this. */
  readonly maxJobs: number;
  /** An idle child is ended after this long, in ms. */
  readonly idleMs: number;
}

interface Idle {
  readonly child: BoundedChild;
  readonly jobs: number;
  readonly timer: NodeJS.Timeout;
}

/** How a spare child is taken. */
export interface LendOptions {
  /** True: also starts a child when none stands idle. */
  readonly start: boolean;
  /** Called once when another job begins to wait for a child: this one should end soon. */
  readonly onWanted: () => void;
}

export class ChildPool {
  readonly #options: PoolOptions;
  readonly #idle: Idle[] = [];
  readonly #all = new Set<BoundedChild>();
  readonly #waiting: (() => void)[] = [];
  readonly #lent = new Set<() => void>();
  #taken = 0;
  #closed = false;

  constructor(options: PoolOptions) {
    this.#options = options;
  }

  /** Children alive: busy and idle. */
  get children(): number {
    return this.#all.size;
  }

  /** As `BoundedChild.run`. A child is used again only after a job that ended well, within its memory and job count. */
  async *run(job: Job, onPeak?: (rssBytes: number) => void): AsyncGenerator<unknown, void, undefined> {
    await this.#turn(job.signal);
    yield* this.#serve(job, onPeak);
  }

  /**
   * Does a job on a child that nobody else wants now, and hands each value to `take` before it asks for the next.
   * Returns undefined, and does nothing, when every child is taken or another job waits. Rejects as `run` throws.
   */
  lend(
    job: Job,
    { start, onWanted }: LendOptions,
    take: (value: unknown) => Promise<void>,
    onPeak?: (rssBytes: number) => void,
  ): Promise<void> | undefined {
    const spare = this.#idle.length > 0 || (start && this.#all.size < this.#options.size);
    if (this.#closed || this.#taken >= this.#options.size || !spare) return undefined;
    this.#taken += 1;
    this.#lent.add(onWanted);
    const serve = async () => {
      try {
        for await (const value of this.#serve(job, onPeak)) await take(value);
      } finally {
        this.#lent.delete(onWanted);
      }
    };
    return serve();
  }

  /** Does a job whose turn it is. */
  async *#serve(job: Job, onPeak: ((rssBytes: number) => void) | undefined): AsyncGenerator<unknown, void, undefined> {
    try {
      const { child, jobs } = this.#take();
      let clean = false;
      try {
        yield* child.run(job);
        clean = true;
      } finally {
        const rssBytes = child.idle ? await child.rssBytes() : 0;
        onPeak?.(child.peakRssBytes);
        if (clean && child.idle && rssBytes < this.#options.recycleRssBytes && jobs + 1 < this.#options.maxJobs) {
          this.#give(child, jobs + 1);
        } else await this.#end(child);
      }
    } finally {
      // Who waits longest gets this turn itself: nobody who comes just now is faster.
      const next = this.#waiting.shift();
      if (next === undefined) this.#taken -= 1;
      else next();
    }
  }

  /** Starts a child ahead of the first job. */
  warm(): void {
    if (!this.#closed && this.#all.size < this.#options.size) this.#give(this.#start(), 0);
  }

  /** Ends every child; jobs under way fail. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const { timer } of this.#idle) clearTimeout(timer);
    this.#idle.length = 0;
    for (const go of this.#waiting.splice(0)) go();
    await Promise.all([...this.#all].map((child) => this.#end(child)));
  }

  async #turn(signal: AbortSignal | undefined): Promise<void> {
    signal?.throwIfAborted();
    if (this.#closed) throw closedError();
    if (this.#taken < this.#options.size) {
      this.#taken += 1;
      return;
    }
    const [wanted] = this.#lent;
    if (wanted !== undefined) {
      this.#lent.delete(wanted);
      wanted();
    }
    await new Promise<void>((resolve, reject) => {
      const go = () => {
        signal?.removeEventListener('abort', leave);
        resolve();
      };
      const leave = () => {
        this.#waiting.splice(this.#waiting.indexOf(go), 1);
        reject(signal?.reason);
      };
      this.#waiting.push(go);
      signal?.addEventListener('abort', leave, { once: true });
    });
    if (this.#closed) throw closedError();
  }

  #take(): { child: BoundedChild; jobs: number } {
    for (;;) {
      const found = this.#idle.pop();
      if (found === undefined) return { child: this.#start(), jobs: 0 };
      clearTimeout(found.timer);
      if (!found.child.idle) {
        void this.#end(found.child);
        continue;
      }
      found.child.ref();
      return found;
    }
  }

  #give(child: BoundedChild, jobs: number): void {
    if (this.#closed) {
      void this.#end(child);
      return;
    }
    child.unref();
    const timer = setTimeout(() => {
      const at = this.#idle.findIndex((idle) => idle.child === child);
      if (at >= 0) this.#idle.splice(at, 1);
      void this.#end(child);
    }, this.#options.idleMs);
    timer.unref();
    this.#idle.push({ child, jobs, timer });
  }

  #start(): BoundedChild {
    const child = new BoundedChild(this.#options);
    this.#all.add(child);
    return child;
  }

  async #end(child: BoundedChild): Promise<void> {
    await child.kill();
    this.#all.delete(child);
  }
}

function closedError(): Error {
  return new Error('the pool of bounded children is closed');
}
