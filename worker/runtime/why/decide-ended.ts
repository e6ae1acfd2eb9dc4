/** Why a task does not move that has ended. */
import type { TaskState } from './facts.ts';
import type { Reason } from './reason.ts';
import { amount, span } from './words.ts';

const ago = ({ finishedSeconds }: TaskState): string =>
  finishedSeconds === undefined ? '' : `${span(finishedSeconds)} ago`;

/** @param task with a terminal status */
export function endedReason(task: TaskState): Reason {
  const { id, error, attempts } = task;
  const why = error ? `${error.code}: ${error.message.replace(/\.$/, '')}` : 'no error is known';
  const details = { finished_seconds: task.finishedSeconds ?? null, attempts, error: error && { ...error } };
  if (task.deadLetter) {
    const spent =
      task.maxAttempts !== undefined && attempts >= task.maxAttempts
        ? attempts === 1
          ? 'Its only attempt is spent'
          : `All ${amount(attempts, 'attempt')} of it are spent`
        : `It was given up after ${amount(attempts, 'attempt')}`;
    return {
      code: 'dead_letter',
      sentence: `${spent}, ${attempts === 1 ? '' : 'the last '}with ${why}; it ended ${ago(task)} as ${task.status} and is kept as a dead letter.`,
      mend: `Mend what it failed of, then run it again: millrace dlq retry ${id}. Or drop it: millrace dlq drop ${id}`,
      details,
    };
  }
  switch (task.status) {
    case 'COMPLETED':
      return { code: 'completed', sentence: `It completed ${ago(task)}.`, mend: undefined, details };
    case 'EXPIRED':
      return {
        code: 'expired',
        sentence: `It expired ${ago(task)}: nobody had started it before the time at which its sender gave it up.`,
        mend: 'Send it again, with a longer expires or without; millrace why QUEUE says why the queue was late.',
        details,
      };
    case 'CANCELLED':
      return {
        code: 'cancelled',
        sentence: `It was cancelled ${ago(task)} (${why}).`,
        mend: error?.code === 'parent_ended' ? 'Look at the task that it waited for.' : undefined,
        details,
      };
    case 'TIMED_OUT':
      return { code: 'timed_out', sentence: `It ran out of time ${ago(task)} (${why}).`, mend: undefined, details };
    default:
      return { code: 'failed', sentence: `It failed ${ago(task)} (${why}).`, mend: undefined, details };
  }
}
