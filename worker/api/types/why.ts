/** The shapes of answers to the question why a task or a queue does not move. */
import type { Json, TaskStatusName } from './common.ts';

/** Why a task or a queue does not move. */
export interface WhyReasonJson {
  /** Stable, lower_snake_case. */
  readonly code: string;
  /** How much somebody has to do: nothing any more, nothing, wait, or mend. */
  readonly kind: 'ended' | 'moving' | 'waiting' | 'blocked';
  /** One sentence. */
  readonly sentence: string;
  /** What mends it; null where nothing is to be done. */
  readonly mend: string | null;
  /** The figures of the sentence. */
  readonly details: { readonly [name: string]: Json };
}

export interface WhyAnswerJson extends WhyReasonJson {
  /** What else would hold it up once that is over. */
  readonly also: readonly WhyReasonJson[];
}

export interface OneTaskWhyJson extends WhyAnswerJson {
  readonly task_id: string;
  readonly task: string;
  readonly queue: string;
  readonly status: TaskStatusName;
}

export interface TaskWhyJson extends OneTaskWhyJson {
  /** Of a task that waits for others of its flow: the answer for the one that it all hangs on. */
  readonly because: OneTaskWhyJson | null;
}

export interface QueueWhyJson extends WhyAnswerJson {
  readonly queue: string;
  /** The answer for the task that is next. */
  readonly because: OneTaskWhyJson | null;
}
