/** What every subject can do, whoever made it. */
import type { Enqueued, EnqueueRequest, PaceRequest } from '../../../loadtest/peers/protocol.ts';

/** How a subject's tasks are sent, beside one by one from one caller and from 64. */
export interface Plan {
  /** Tasks sent by one caller that awaits each. */
  readonly serial: number;
  /** Tasks sent one by one from 64 callers, each awaiting its answer. */
  readonly callers: number;
  /** Tasks sent in batches, by size of the batch. */
  readonly batches: readonly { readonly size: number; readonly count: number }[];
  /** Of those that wait when the worker starts, the first so many are not timed: its code is not yet compiled. */
  readonly warmUp: number;
  /** Tasks sent from 64 callers while the worker runs. */
  readonly mixed: number;
}

/** What a worker has run since it was started or last asked to forget. */
export interface Account {
  /** Deliveries: a task that came twice counts twice. */
  readonly delivered: number;
  /** Different tasks among them. */
  readonly distinct: number;
  /** Wall clock of each delivery, in milliseconds, ascending. */
  readonly endedMs: readonly number[];
}

/** What a producer says of tasks sent at a pace. */
export interface Sent extends Enqueued {
  /** Of some or all: number, wall clock of the call and of the answer, in milliseconds. Only of subjects that need it. */
  readonly calls?: readonly (readonly [number, number, number])[];
}

/** How long tasks waited, in milliseconds, by one way of telling. */
export interface Pickups {
  readonly measure: string;
  readonly ms: readonly number[];
}

export interface SubjectWorker extends AsyncDisposable {
  /** Of the process and all it started. */
  readonly pid: number;
  /** Whether so many tasks have run since `forget`. Cheap. */
  done(tasks: number): Promise<boolean>;
  account(): Promise<Account>;
  /** How long the tasks waited that were sent since `forget`; first the way that goals go by. */
  pickups(sent: Sent): Promise<readonly Pickups[]>;
  forget(): Promise<void>;
}

export interface Subject extends AsyncDisposable {
  readonly name: string;
  readonly plan: Plan;
  enqueue(request: Omit<EnqueueRequest, 'work'>): Promise<Enqueued>;
  /** Resolves when all that was sent stands where the worker will find it. */
  settled(): Promise<void>;
  pace(request: Omit<PaceRequest, 'work'>): Promise<Sent>;
  startWorker(): Promise<SubjectWorker>;
  /** Drops all that waits and all that is kept. Only while no worker runs. */
  reset(): Promise<void>;
}

/** The servers that all subjects share, as each of them names them. */
export interface Servers {
  readonly redisUrl: (database: number) => string;
  /** The environment of a Millrace process. */
  readonly millrace: Readonly<Record<string, string>>;
  /** Tasks that a worker runs side by side, where it can choose. */
  readonly slots: number;
}
