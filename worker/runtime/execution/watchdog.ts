/** Runs on the loop, told to who watches them from outside of it. */
import type { Fence } from '../ledger/rows.ts';

export interface WatchedRun {
  readonly fence: Fence;
  readonly task: string;
  readonly limitSeconds: number;
  /** When its limit is over, ms of the system's clock. */
  readonly deadline: number;
}

export interface Watchdog {
  /** Watches a run until disposed. */
  watch(run: WatchedRun): Disposable;
}
