/** What a task is, and what its handler gets. */
import type { z } from 'zod';
import type { Transaction } from '../db/index.ts';
import type { QueueName } from '../queues.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { Json } from './json.ts';
import type { Accepted } from './ledger/accept.ts';
import type { TaskOptions } from './options.ts';
import type { RetryPolicy } from './retry.ts';

/** How far a task has come, for people. */
export interface Progress {
  readonly [key: string]: Json | undefined;
  /** What it does now, in a word or two. */
  readonly step?: string;
  /** 0 to 1. */
  readonly fraction?: number;
}

export interface FollowUp {
  readonly task: string;
  readonly payload: Json;
  readonly options?: TaskOptions;
}

export interface TaskContext {
  readonly taskId: string;
  readonly tenantId: string;
  readonly userId: string | undefined;
  /** From 0. */
  readonly attempt: number;
  /** Whether an error now is the end: the retries are spent. */
  readonly lastAttempt: boolean;
  /** Aborted when the task is cancelled, its time is over, or its lease is lost: stop soon, no effect will be let in. */
  readonly signal: AbortSignal;
  readonly log: Logger;
  /**
   * Results of the tasks that this one waited for, in the order in which its flow names them; empty outside of a flow.
   * @throws PermanentError `results_too_large` when they are more than a handler should hold (64 MiB)
   */
  results(): Promise<Json[]>;
  /**
   * Runs `work` in one transaction together with its key (task id, step) and the fence, so that it happens once however
   * often the task runs. A step that is done returns what it returned then. Steps have deterministic names.
   * @throws StaleOwnerError when this run was overtaken: by a cancel, a timeout or another worker.
   */
  effect<T extends Json>(step: string, work: (tx: Transaction) => Promise<T>): Promise<T>;
  /**
   * Calls the outside with a key that is the same at every attempt, and records the answer; a step that is done is not called
   * again. Where the far side takes no key, a kill between its answer and our record may repeat the call.
   */
  external<T extends Json>(step: string, call: (key: string) => Promise<T>): Promise<T>;
  /**
   * Accepts follow-up tasks of the same tenant in the transaction of an effect: they exist if and only if the effect does.
   */
  enqueue(tx: Transaction, tasks: readonly FollowUp[]): Promise<Accepted[]>;
  /** Reports progress, fenced; at most a few a second are written, the newest wins. Never throws. */
  progress(progress: Progress): void;
}

/** Where a handler must run, whatever the class of its worker. */
export interface Isolation {
  /** `thread`: for work that keeps its thread busy, so that the loop that renews leases stays free. `process`: for code that may crash. */
  readonly in: 'thread' | 'process';
  /** False: pure computation. Then effects, external calls and follow-up tasks are refused, and nothing connects to the database. */
  readonly database: boolean;
}

export interface TaskDefinition<P extends z.ZodType = z.ZodType> {
  /** Unique over all tasks; also the BullMQ job's name. */
  readonly name: string;
  readonly queue: QueueName;
  /** One sentence for people. */
  readonly description: string;
  /** A strict object: unknown fields are refused. */
  readonly payload: P;
  readonly retry: RetryPolicy;
  /** Bound on one attempt: then its signal is aborted, and it ends as TIMED_OUT, which is final unless `retry.timeouts`. */
  readonly timeLimitSeconds: number;
  /** A tenant has at most `TENANT_ISOLATED_TASK_CONCURRENCY` of the queue's such tasks at once; the others wait in Postgres. */
  readonly tenantIsolated: boolean;
  /** Unset: it runs as the worker's class says. */
  readonly isolation?: Isolation | undefined;
  readonly handle: (ctx: TaskContext, payload: z.output<P>) => Promise<Json | undefined>;
}

/** A task as the registry holds it: its payload type is known to its handler alone. */
export interface RegisteredTask {
  readonly name: string;
  readonly queue: QueueName;
  readonly description: string;
  readonly retry: RetryPolicy;
  /** Bound on one attempt: then its signal is aborted, and it ends as TIMED_OUT, which is final unless `retry.timeouts`. */
  readonly timeLimitSeconds: number;
  /** A tenant has at most `TENANT_ISOLATED_TASK_CONCURRENCY` of the queue's such tasks at once; the others wait in Postgres. */
  readonly tenantIsolated: boolean;
  readonly isolation: Isolation | undefined;
  readonly payload: z.ZodType;
  /** @throws PayloadError when the payload does not fit. */
  readonly run: (ctx: TaskContext, payload: unknown) => Promise<Json | undefined>;
}
