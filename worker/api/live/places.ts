/** How many listeners an API process serves at once, event streams and WebSockets together. */
import { ApiError } from '../problems/api-error.ts';

/** Some tens of kilobytes each. */
export const maxConnections = 10_000;

export class Places {
  readonly #most: number;
  #taken = 0;

  constructor(most = maxConnections) {
    this.#most = most;
  }

  get full(): boolean {
    return this.#taken >= this.#most;
  }

  /** Call what it returns when the listener has gone; once. @throws ApiError `streams_exhausted` */
  take(): () => void {
    this.check();
    this.#taken += 1;
    return () => {
      this.#taken -= 1;
    };
  }

  /** @throws ApiError `streams_exhausted` */
  check(): void {
    if (this.full) {
      throw new ApiError({
        code: 'streams_exhausted',
        message: `This process serves ${this.#most} event streams and WebSockets already.`,
        hint: 'Ask with GET /v1/tasks/:id?wait=60 instead, or start more API processes.',
      });
    }
  }
}
