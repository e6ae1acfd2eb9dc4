import type { QueueName } from '../queues.ts';
import type { UniquePolicy } from './ledger/accept.ts';

/** What a sender may say of a task; each member overrides the task's own setting. */
export interface TaskOptions {
  readonly queue?: QueueName | undefined;
  readonly priority?: number | undefined;
  readonly countdownSeconds?: number | undefined;
  readonly eta?: Date | undefined;
  readonly expiresSeconds?: number | undefined;
  readonly taskId?: string | undefined;
  /** The id was made for this request and never sent before. */
  readonly taskIdIsNew?: boolean | undefined;
  readonly uniqueKey?: string | undefined;
  readonly uniquePolicy?: UniquePolicy | undefined;
  /** False: no row in the ledger, a job in Redis only; fewer promises, less work. True unless told otherwise. */
  readonly durable?: boolean | undefined;
}
