/** What is answered to "why does it not move": a code for scripts, a sentence for people, and what mends it. */
import type { Json } from '../json.ts';

/** How much somebody has to do: nothing any more, nothing, wait, or mend. */
export const whyKinds = ['ended', 'moving', 'waiting', 'blocked'] as const;
export type WhyKind = (typeof whyKinds)[number];

/** Every reason there is, with how much somebody has to do about it. Codes are stable: scripts lean on them. */
export const whyReasons = {
  // of tasks that have ended
  completed: 'ended',
  dead_letter: 'blocked',
  failed: 'ended',
  timed_out: 'ended',
  cancelled: 'ended',
  expired: 'ended',
  // of tasks that run
  running: 'moving',
  worker_gone: 'waiting',
  // of what waits for its time or for others
  waits_for_parents: 'waiting',
  retry_later: 'waiting',
  not_due: 'waiting',
  // of what is due
  queue_paused: 'blocked',
  no_consumer: 'blocked',
  redis_away: 'blocked',
  tenant_limit: 'waiting',
  rate_limit: 'waiting',
  window_full: 'waiting',
  not_handed_over: 'blocked',
  job_lost: 'waiting',
  slots_busy: 'waiting',
  behind_others: 'waiting',
  being_claimed: 'moving',
  consumer_silent: 'blocked',
  about_to_start: 'moving',
  // of queues
  queue_empty: 'ended',
  all_later: 'waiting',
  queue_moves: 'moving',
} as const satisfies Record<string, WhyKind>;

export type WhyCode = keyof typeof whyReasons;

export interface Reason {
  readonly code: WhyCode;
  /** One sentence. */
  readonly sentence: string;
  /** What to do about it; undefined: nothing. */
  readonly mend: string | undefined;
  /** The figures of the sentence. */
  readonly details: { readonly [name: string]: Json };
}

/** The reason, and what else would hold it up once that is over. */
export interface Why extends Reason {
  readonly also: readonly Reason[];
}

/** A list of reasons, the first of which answers. @throws when there is none: a decision always finds one */
export function whyOf(reasons: readonly Reason[]): Why {
  const [first, ...also] = reasons;
  if (!first) throw new Error('a decision found no reason');
  return { ...first, also };
}
