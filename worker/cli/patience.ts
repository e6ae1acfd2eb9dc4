/** Bearing with an API that is away for a while, as over its restart. */
import { setTimeout as wait } from 'node:timers/promises';
import { CommandError } from './exit-codes.ts';

/** For so long nothing may answer before it is given up: above a restart of the API. */
const awayMs = 60_000;
const retryMs = 500;

export class Patience {
  /** Since when nothing answers. */
  #awaySince: number | undefined;

  /** An answer came. */
  heard(): void {
    this.#awaySince = undefined;
  }

  /**
   * What `work` gives; undefined when nothing answers yet, after a moment, or when `signal` has ended it.
   * @throws its error when it is a refusal, or nothing has answered for a minute
   */
  async tried<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T | undefined> {
    try {
      const answer = await work();
      this.heard();
      return answer;
    } catch (error) {
      if (!signal.aborted) await this.bear(error, signal);
      return undefined;
    }
  }

  /** Waits a moment before the next try, or until `signal`. @throws `error` when it is a refusal, or nothing has answered for a minute */
  async bear(error: unknown, signal: AbortSignal): Promise<void> {
    this.#awaySince ??= Date.now();
    const refused = error instanceof CommandError && !/^api_|^shutting_down$|_unavailable$/.test(error.code);
    if (refused || Date.now() - this.#awaySince > awayMs) throw error;
    await pause(signal);
  }
}

/** Between two tries. */
export const pause = (signal: AbortSignal): Promise<void> =>
  wait(retryMs, undefined, { signal }).catch(() => undefined);
