/** Work that is done again and again until it is stopped. */
import { setTimeout as wait } from 'node:timers/promises';
import type { Logger } from '../telemetry/logger.ts';

export interface Loop {
  /** Does the next round at once instead of waiting for it. */
  nudge(): void;
  /** Ends after the round that runs; resolves when it has ended. */
  stop(): Promise<void>;
}

export interface RoundObserver {
  round(loop: string, seconds: number, failed: boolean): void;
}

export interface LoopOptions {
  readonly name: string;
  readonly intervalMs: number;
  readonly log: Logger;
  /** One round. Returning `again` starts the next one without waiting: there was more than one round's worth. */
  readonly round: () => Promise<'again' | undefined>;
  /** Told of each round. */
  readonly metrics?: RoundObserver | undefined;
}

/** After a failure the next round waits longer, up to this, with jitter. */
const maxBackoffMs = 5000;

/** Starts rounds that never overlap, `intervalMs` apart. A round that throws is logged, and the loop goes on. */
export function startLoop({ name, intervalMs, log, round, metrics }: LoopOptions): Loop {
  let stopped = false;
  let failures = 0;
  let wake = new AbortController();

  const pause = async (ms: number) => {
    try {
      await wait(ms, undefined, { signal: wake.signal });
    } catch {
      // nudged or stopped
    }
    if (!stopped) wake = new AbortController();
  };

  const run = async () => {
    while (!stopped) {
      let again = false;
      const startedAt = performance.now();
      try {
        again = (await round()) === 'again';
        failures = 0;
      } catch (error) {
        failures += 1;
        // the first of a row, then rarely: an outage is one event, not thousands of lines
        if (failures === 1 || failures % 60 === 0)
          log.warn({ err: error, loop: name, failures }, `${name} failed and goes on trying`);
      }
      metrics?.round(name, (performance.now() - startedAt) / 1000, failures > 0);
      if (stopped || again) continue;
      const backoffMs = failures === 0 ? 0 : Math.min(100 * 2 ** Math.min(failures, 10), maxBackoffMs);
      await pause(Math.max(intervalMs, backoffMs) * (0.9 + 0.2 * Math.random()));
    }
  };
  const ended = run();
  return {
    nudge: () => wake.abort(),
    stop: () => {
      stopped = true;
      wake.abort();
      return ended;
    },
  };
}
