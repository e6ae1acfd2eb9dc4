/** The shapes of answers about flows. Timestamps are ISO 8601 in UTC. */
import type { TaskStatusName } from './common.ts';
import type { TaskErrorJson } from './task.ts';

/** The ids of a flow's tasks, in the shape of the flow. */
export type FlowIdsJson =
  | { readonly task_id: string }
  | { readonly chain: readonly FlowIdsJson[] }
  | { readonly group: readonly FlowIdsJson[]; readonly then?: FlowIdsJson | undefined };

export interface FlowMemberJson {
  readonly task_id: string;
  readonly task: string;
  readonly queue: string;
  readonly status: TaskStatusName;
  /** So many of its parents have not completed. */
  readonly waiting_for: number;
  /** What it waits or waited for, in order. */
  readonly parents: readonly string[];
  readonly attempts: number;
  readonly error: TaskErrorJson | null;
  readonly started_at: string | null;
  readonly finished_at: string | null;
  readonly dead_letter: boolean;
}

export interface FlowJson {
  readonly flow_id: string;
  readonly accepted_at: string;
  /** Nothing of it waits or runs. A dead letter of it may still be retried. */
  readonly ended: boolean;
  /** How many of its tasks are in which state. */
  readonly states: { readonly [status in TaskStatusName]?: number | undefined };
  /** In the order of the flow. */
  readonly tasks: readonly FlowMemberJson[];
}
