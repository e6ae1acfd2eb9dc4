/** What the benchmark asks of `millrace-producer.ts`. */
import type { EnqueueRequest, PaceRequest } from '../../../loadtest/peers/protocol.ts';
import type { QueueName } from '../../../worker/queues.ts';

export interface MillraceEnqueueRequest extends EnqueueRequest {
  /** Unset: the task's own. */
  readonly queue?: QueueName | undefined;
  readonly durable: boolean;
}

export interface MillracePaceRequest extends PaceRequest {
  readonly durable: boolean;
  /** Name of the probes of this request. */
  readonly run: string;
  /** 0 for none. */
  readonly probesPerSecond: number;
}
