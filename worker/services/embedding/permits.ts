/** A counted lock: at most so many at once; urgent ones go ahead of the others that wait. */

interface Waiter {
  readonly urgent: boolean;
  readonly grant: () => void;
}

export class Permits {
  private free: number;
  private readonly waiters: Waiter[] = [];

  constructor(count: number) {
    this.free = count;
  }

  /** Runs `work` with a permit. Waits for one no longer than `signal` allows. */
  async with<T>(urgent: boolean, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    await this.acquire(urgent, signal);
    try {
      return await work();
    } finally {
      const next = this.waiters.shift();
      if (next) next.grant();
      else this.free++;
    }
  }

  private async acquire(urgent: boolean, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (this.free > 0) {
      this.free--;
      return;
    }
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const waiter = { urgent, grant: resolve };
    const firstOther = this.waiters.findIndex((other) => !other.urgent);
    if (urgent && firstOther >= 0) this.waiters.splice(firstOther, 0, waiter);
    else this.waiters.push(waiter);
    const abort = () => {
      const index = this.waiters.indexOf(waiter);
      if (index < 0) return;
      this.waiters.splice(index, 1);
      reject(signal.reason);
    };
    signal.addEventListener('abort', abort, { once: true });
    try {
      await promise;
    } finally {
      signal.removeEventListener('abort', abort);
    }
  }
}
