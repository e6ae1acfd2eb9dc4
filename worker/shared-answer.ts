/** An answer that many ask for and that costs: it is had once for all who ask meanwhile, and again after a rest. */
export class SharedAnswer<T> {
  readonly #ask: () => Promise<T>;
  readonly #restMs: (tookMs: number) => number;
  #asking: Promise<T> | undefined;
  #last: Promise<T> | undefined;
  #restUntil = 0;

  /** @param restMs for how long an answer serves, by what it took */
  constructor(ask: () => Promise<T>, restMs: (tookMs: number) => number) {
    this.#ask = ask;
    this.#restMs = restMs;
  }

  /** @throws what the question throws; it is asked again by the next */
  get(): Promise<T> {
    if (this.#last && performance.now() < this.#restUntil) return this.#last;
    this.#asking ??= this.#once().finally(() => {
      this.#asking = undefined;
    });
    return this.#asking;
  }

  async #once(): Promise<T> {
    const startedAt = performance.now();
    const answer = await this.#ask();
    const endedAt = performance.now();
    this.#last = Promise.resolve(answer);
    this.#restUntil = endedAt + this.#restMs(endedAt - startedAt);
    return answer;
  }
}
