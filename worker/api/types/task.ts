/** The shapes of answers about tasks and dead letters. Timestamps are ISO 8601 in UTC. */
import type { Json, TaskStatusName } from './common.ts';

export interface TaskErrorJson {
  readonly code: string;
  readonly message: string;
  readonly at?: string | undefined;
  /** From 0. */
  readonly attempt?: number | undefined;
  /** With `parent_ended`: the task it waited for. */
  readonly parent?: string | undefined;
}

export interface TaskJson {
  readonly task_id: string;
  readonly task: string;
  readonly queue: string;
  readonly status: TaskStatusName;
  readonly priority: number;
  readonly attempts: number;
  /** False: it stands in Redis alone. */
  readonly durable: boolean;
  readonly progress: Json;
  readonly result: Json;
  readonly error: TaskErrorJson | null;
  readonly accepted_at: string;
  /** Null while it waits for other tasks of its flow. */
  readonly due_at: string | null;
  readonly started_at: string | null;
  readonly finished_at: string | null;
  readonly expires_at: string | null;
  readonly flow_id: string | null;
  /** Tasks of its flow that have to complete before it starts. */
  readonly waiting_for: number;
}

export interface AcceptedJson {
  readonly task_id: string;
  readonly status: TaskStatusName;
  /** Only where it is not durable. */
  readonly durable?: false | undefined;
}

export interface TaskPageJson {
  readonly tasks: readonly TaskJson[];
  /** Pass it as `cursor` to get the next page; null on the last. */
  readonly next_cursor: string | null;
}

export interface DeadLetterJson extends TaskJson {
  readonly payload: Json;
  /** Oldest first. */
  readonly error_history: readonly TaskErrorJson[];
}

/** A task that can be sent, as its definition says. */
export interface RegisteredTaskJson {
  readonly task: string;
  readonly queue: string;
  readonly description: string;
  /** Attempts after the first. */
  readonly retries: number;
  readonly time_limit_seconds: number;
  readonly tenant_isolated: boolean;
  readonly isolation: 'thread' | 'process' | null;
  /** JSON Schema. */
  readonly payload: Json;
}
