/** Why a run is told to stop: the reasons of its signal. */
import { MillraceError } from '../../errors.ts';
import { StaleOwnerError } from '../ledger/effects.ts';

/** The worker stops. */
export class HandedBackError extends MillraceError {
  override readonly name = 'HandedBackError';

  constructor() {
    super({ code: 'handed_back', message: 'The worker stops; the task is handed back and runs elsewhere.' });
  }
}

/** The task's own bound: the attempt ends as TIMED_OUT, or is tried again where the policy says so. */
export class TimeLimitError extends MillraceError {
  override readonly name = 'TimeLimitError';

  constructor(task: string, seconds: number) {
    super({
      code: 'time_limit',
      message: `${task} ran for longer than its limit of ${seconds} s.`,
      hint: 'Split the work, or raise the time limit of the task.',
    });
  }
}

/** How long a handler may go on after its signal was aborted. */
const abortGraceMs = 5000;
/** The row is somebody else's already: nothing that the handler may still do counts. With the second in which that is heard, a cancel stops it within 2 s. */
const lostGraceMs = 500;

/**
 * How long a run may go on after its signal was aborted, before its thread or child is killed.
 * @param reason of the signal
 */
export const graceMsOf = (reason: unknown): number => (reason instanceof StaleOwnerError ? lostGraceMs : abortGraceMs);

/**
 * The same on the loop, where nothing can be killed and the handler is left behind: over its time limit its row ends at once,
 * and with it what the handler may still do.
 */
export const graceOnLoopMsOf = (reason: unknown): number => (reason instanceof TimeLimitError ? 0 : abortGraceMs);
