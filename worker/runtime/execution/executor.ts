/** Where handlers run: on this process's loop, in a thread, in a child. Leases and ends in the ledger stay with the caller. */
import type { Logger } from '../../telemetry/logger.ts';
import type { ClaimedTask } from '../ledger/rows.ts';
import type { RunStop } from '../run-stop.ts';
import type { RegisteredTask } from '../task.ts';

/** How a run came to its end. */
export type Ended =
  /** JSON text, checked for its size. */
  | { readonly result: string }
  | { readonly error: unknown }
  /** What it ran in ended by itself: with which exit code, by which signal, of which memory. */
  | { readonly died: string }
  /** It could not be started here and now, through no fault of its own. */
  | { readonly postponed: string; readonly delayMs: number };

export interface RunControl {
  /** Aborted with the reason why the run must stop (see `graceMsOf`); told when the handler is entered. */
  readonly stop: RunStop;
  /** Made at its first use: most runs log nothing, and to make a child logger takes longer than all else in a short one. */
  readonly log: () => Logger;
  /** Keeps progress, JSON text, where that is not the ledger. */
  readonly writeProgress?: ((progress: string) => Promise<unknown>) | undefined;
}

export interface Executor {
  /**
   * Runs the handler of a claimed task. Resolves soon after `stop` is aborted, whether the handler heeds it or not; an error
   * after an abort is the abort's reason. Never rejects for what the handler does.
   */
  run(task: RegisteredTask, claimed: ClaimedTask, control: RunControl): Promise<Ended>;
  /** Ends threads and children. Call when nothing runs any more. */
  close(): Promise<void>;
}
