/** What a decision goes by: read once, by few bounded queries. Ages are seconds by the database's clock. */
import type { QueueName } from '../../queues.ts';
import type { Json } from '../json.ts';
import type { TaskError, TaskStatus } from '../ledger/rows.ts';

/** A run in a slot. Of another tenant's only that there is one. */
export interface RunFacts {
  readonly id: string | undefined;
  readonly task: string | undefined;
  readonly queue: string | undefined;
  /** Undefined where nobody knows. */
  readonly seconds: number | undefined;
}

export interface ConsumerFacts {
  readonly name: string;
  readonly slots: number;
  readonly busy: number;
  /** The tenant's own, longest first; a few of them. */
  readonly runs: readonly RunFacts[];
}

/** One of the buckets that a task of this queue and tenant takes a token from. */
export interface RateFacts {
  readonly of: 'queue' | 'tenant';
  readonly perSecond: number;
  /** As the bucket stands now. */
  readonly tokens: number;
}

export interface RedisFacts {
  readonly answers: boolean;
  /** For how long it has been away, as far as this process knows. */
  readonly awaySeconds: number | undefined;
}

export interface QueueFacts {
  readonly queue: QueueName;
  /** For how long it has been paused. */
  readonly pausedSeconds: number | undefined;
  readonly redis: RedisFacts;
  /** Live worker processes that take from it. */
  readonly consumers: readonly ConsumerFacts[];
  readonly window: {
    readonly size: number;
    /** Jobs of the queue that stand in Redis. */
    readonly standing: number;
    /** The tenant's own of those. */
    readonly own: number;
    /** Tenants that have any there. */
    readonly tenants: number;
    /** Whether workers take from the ledger what it has no room for. */
    readonly pulled: boolean;
  };
  readonly rates: readonly RateFacts[];
}

/** A number that was counted up to a bound. */
export interface Counted {
  readonly count: number;
  /** There may be more. */
  readonly capped: boolean;
}

/** Another task that is named in a reason. */
export interface NamedTask {
  readonly id: string;
  readonly task: string;
  readonly status: TaskStatus;
}

export interface TaskState {
  readonly id: string;
  readonly task: string;
  readonly queue: QueueName;
  readonly status: TaskStatus;
  readonly durable: boolean;
  readonly deadLetter: boolean;
  readonly attempts: number;
  /** As its definition says; undefined when nobody here knows the task. */
  readonly maxAttempts: number | undefined;
  readonly timeLimitSeconds: number | undefined;
  readonly isolated: boolean;
  readonly error: TaskError | null;
  readonly progress: Json;
  readonly worker: string | null;
  /** Until it is due; negative: for how long it has been. Undefined while it waits for other tasks. */
  readonly dueInSeconds: number | undefined;
  readonly expiresInSeconds: number | undefined;
  /** Since it was handed to Redis. */
  readonly queuedSeconds: number | undefined;
  readonly finishedSeconds: number | undefined;
  /** Until its lease ends. */
  readonly leaseSeconds: number | undefined;
}

/** Its job in Redis. */
export interface JobFacts {
  readonly state: 'waiting' | 'active' | 'delayed' | 'missing';
  /** Jobs of the queue that go before it. */
  readonly ahead: number;
}

export interface ParentFacts {
  readonly count: number;
  readonly first: readonly NamedTask[];
  readonly roots: readonly NamedTask[];
}

export interface TenantLimitFacts {
  readonly limit: number;
  /** Tasks of the tenant that count now, waiting in Redis or running. */
  readonly held: number;
  readonly holders: readonly NamedTask[];
}

export interface TaskFacts {
  readonly task: TaskState;
  readonly queue: QueueFacts;
  /** Of one that runs: for how long its worker has not been heard of; undefined when the worker is not listed. */
  readonly workerSilentSeconds?: number | undefined;
  /** Of one that runs, or was fetched. */
  readonly runSeconds?: number | undefined;
  /** Of one that waits for others: those it waits for itself, and those it all hangs on now. */
  readonly parents?: ParentFacts | undefined;
  /** Of one that is due and stands in the ledger: the tenant's own that go before it. */
  readonly ahead?: Counted | undefined;
  /** The tenant's jobs in Redis of its priority and above: what counts of them when the window is full. Left out, all of them. */
  readonly standingAhead?: number | undefined;
  /** Of one that binds its tenant. */
  readonly tenantLimit?: TenantLimitFacts | undefined;
  /** Undefined when Redis was not asked, or did not answer. */
  readonly job?: JobFacts | undefined;
}

/** The tenant's own tasks of a queue. */
export interface OwnFacts {
  readonly running: number;
  readonly queued: number;
  /** In the ledger, due or not. */
  readonly waiting: Counted;
  /** Of those, the one that is due first: until then, negative when it is over. Undefined: all wait for other tasks. */
  readonly nextDueSeconds: number | undefined;
  /** The task that should move next. */
  readonly head: NamedTask | undefined;
}
