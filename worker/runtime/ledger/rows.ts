/** The shapes of ledger rows. */
import type { QueueName } from '../../queues.ts';
import type { Json } from '../json.ts';

export const waitingStatuses = ['PENDING', 'QUEUED', 'RETRYING'] as const;
export const terminalStatuses = ['COMPLETED', 'FAILED', 'TIMED_OUT', 'CANCELLED', 'EXPIRED'] as const;
export const taskStatuses = [...waitingStatuses, 'RUNNING', ...terminalStatuses] as const;

export type TerminalStatus = (typeof terminalStatuses)[number];
export type TaskStatus = (typeof taskStatuses)[number];

export const isTerminal = (status: TaskStatus): status is TerminalStatus =>
  (terminalStatuses as readonly TaskStatus[]).includes(status);

/** What is kept of an error: for people and scripts, never a stack trace. */
export interface TaskError {
  readonly code: string;
  readonly message: string;
  /** When, ISO 8601, the worker's clock. */
  readonly at: string;
  /** Attempt from 0. */
  readonly attempt: number;
}

/** A row as people and scripts see it: the columns of the view `tasks`. */
export interface TaskRow {
  readonly id: string;
  readonly tenant_id: string;
  readonly user_id: string | null;
  readonly name: string;
  readonly queue: QueueName;
  readonly status: TaskStatus;
  readonly priority: number;
  readonly payload: Json;
  readonly attempts: number;
  readonly deaths: number;
  readonly epoch: number;
  readonly worker: string | null;
  readonly unique_key: string | null;
  /** Null while it waits for other tasks. */
  readonly due_at: Date | null;
  readonly expires_at: Date | null;
  readonly accepted_at: Date;
  readonly started_at: Date | null;
  readonly finished_at: Date | null;
  readonly progress: Json;
  readonly result: Json;
  readonly error: TaskError | null;
  readonly error_history: readonly TaskError[];
  readonly redis_job_id: string | null;
  readonly dead_letter: boolean;
  /** The flow it is part of. */
  readonly flow_id: string | null;
  /** Tasks that have to complete before it starts. */
  readonly waiting_for: number;
}

/** What fences a run: writes that carry another epoch or owner are refused. */
export interface Fence {
  readonly id: string;
  readonly epoch: number;
  readonly owner: string;
}

/** A claimed row, as its run needs it. */
export interface ClaimedTask {
  readonly fence: Fence;
  /** False: it is no row but a job in Redis alone, and its fence lets nothing in. */
  readonly durable?: false | undefined;
  readonly name: string;
  readonly queue: QueueName;
  readonly tenantId: string;
  readonly userId: string | undefined;
  readonly payload: unknown;
  /** Attempts that count, this one included. */
  readonly attempts: number;
  /** Children that died of it so far. */
  readonly deaths: number;
  /** It may bring its process down, or has: it runs alone in a child. */
  readonly suspect: boolean;
  /** Other tasks wait for its end. */
  readonly leads?: boolean | undefined;
  readonly acceptedAt: Date;
  readonly dueAt: Date;
}
