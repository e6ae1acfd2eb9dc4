/** Why a queue does not move, for one tenant: a decision over facts. */
import type { OwnFacts, QueueFacts } from './facts.ts';
import { queueObstacles } from './obstacles.ts';
import { type Reason, type Why, whyOf } from './reason.ts';
import { amount, counted, named, span } from './words.ts';

export interface QueueDecision {
  readonly queue: QueueFacts;
  readonly own: OwnFacts;
  /** Of the task that should move next. */
  readonly head: Why | undefined;
}

/** The answer for a queue; where its tasks are held up one by one, that of the one that should move next. */
export function decideQueue({ queue, own, head }: QueueDecision): Why {
  const obstacles = queueObstacles(queue);
  if (obstacles.length > 0) return whyOf(obstacles.map((reason) => withDepth(reason, own)));
  const waiting = own.queued + own.waiting.count;
  const details = depth(own);
  if (waiting === 0) {
    if (own.running === 0) {
      const sentence = `Nothing of yours waits or runs in the queue ${queue.queue}.`;
      return whyOf([{ code: 'queue_empty', sentence, mend: undefined, details }]);
    }
    return whyOf([
      {
        code: 'queue_moves',
        sentence: `Nothing of yours waits in the queue ${queue.queue}; ${amount(own.running, 'task runs', 'tasks run')}.`,
        mend: undefined,
        details,
      },
    ]);
  }
  if (head && own.head) {
    const all = own.waiting.capped ? `more than ${waiting}` : String(waiting);
    return whyOf([
      {
        ...head,
        sentence: `Of ${all} waiting, ${named(own.head)} is next: ${begunSmall(head.sentence)}`,
        details: { ...details, ...head.details },
      },
      ...head.also,
    ]);
  }
  const next =
    own.nextDueSeconds === undefined
      ? 'all of them for other tasks of their flows'
      : `the next is due in ${span(own.nextDueSeconds)}`;
  return whyOf([
    {
      code: 'all_later',
      sentence: `${counted(own.waiting)} of yours ${own.waiting.count === 1 ? 'waits' : 'wait'} in the queue ${queue.queue}, and none is due: ${next}.`,
      mend: undefined,
      details: { ...details, next_due_seconds: own.nextDueSeconds ?? null },
    },
  ]);
}

const begunSmall = (sentence: string): string => `${sentence.charAt(0).toLowerCase()}${sentence.slice(1)}`;

const depth = ({ running, queued, waiting }: OwnFacts) => ({ running, queued, waiting: waiting.count });

const waitingWords = ({ queued, waiting }: OwnFacts): string => {
  const count = queued + waiting.count;
  if (count === 0) return 'nothing of yours waits';
  return `${count}${waiting.capped ? ' or more' : ''} of yours ${count === 1 ? 'waits' : 'wait'}`;
};

const withDepth = (reason: Reason, own: OwnFacts): Reason => ({
  ...reason,
  sentence: `${reason.sentence.replace(/\.$/, '')}; ${waitingWords(own)}.`,
  details: { ...reason.details, ...depth(own) },
});
