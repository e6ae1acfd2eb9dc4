/** The shapes of answers, for callers of any kind. Types only, so that a browser client can lean on this file. */

export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json | undefined };

export type TaskStatusName =
  | 'PENDING'
  | 'QUEUED'
  | 'RUNNING'
  | 'RETRYING'
  | 'COMPLETED'
  | 'FAILED'
  | 'TIMED_OUT'
  | 'CANCELLED'
  | 'EXPIRED';

/** RFC 9457, with what scripts lean on. */
export interface ProblemJson {
  /** Stable, lower_snake_case. */
  readonly code: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  /** The request's id, as in the header X-Request-Id and in the log. */
  readonly instance: string;
  readonly hint?: string | undefined;
  /** Every field that is wrong. */
  readonly errors?: readonly { readonly field: string; readonly message: string }[] | undefined;
}

export interface TaskErrorJson {
  readonly code: string;
  readonly message: string;
  readonly at?: string | undefined;
  /** From 0. */
  readonly attempt?: number | undefined;
  /** With `parent_ended`: the task it waited for. */
  readonly parent?: string | undefined;
}

/** Timestamps are ISO 8601 in UTC. */
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

export interface DeadLetterJson extends TaskJson {
  readonly payload: Json;
  /** Oldest first. */
  readonly error_history: readonly TaskErrorJson[];
}

export interface QueueJson {
  readonly name: string;
  readonly tier: 'high' | 'normal' | 'low';
  readonly carries: string;
  readonly paused: boolean;
  /** Live tasks in the ledger, over all tenants. */
  readonly depth: {
    readonly pending: number;
    readonly queued: number;
    readonly running: number;
    readonly retrying: number;
  };
  /** Tasks that are not durable, over all tenants: they stand in Redis alone. Null when it does not answer. */
  readonly not_durable: {
    readonly waiting: number;
    /** For their time, those that are tried again among them. */
    readonly delayed: number;
    readonly running: number;
  } | null;
  /** Jobs in Redis by BullMQ's state, of both kinds; null when Redis does not answer. */
  readonly redis: {
    readonly wait: number;
    readonly prioritized: number;
    readonly active: number;
    readonly delayed: number;
  } | null;
  /** Age of the oldest task that is due and waits. */
  readonly oldest_seconds: number;
  /** Live worker processes that take from it. */
  readonly consumers: number;
}

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

export interface WorkerJson {
  readonly id: string;
  readonly name: string;
  readonly mode: string;
  readonly queues: readonly string[];
  readonly slots: { readonly capacity: number; readonly busy: number };
  /** The caller's own tasks; `slots.busy` counts all. */
  readonly running: readonly {
    readonly task_id: string;
    readonly task: string;
    readonly queue: string;
    readonly seconds: number;
  }[];
  readonly started_at: string;
  /** Of its last heartbeat. */
  readonly seen_at: string;
}

export interface ScheduleJson {
  readonly name: string;
  readonly task: string;
  /** Null: the task's own. */
  readonly queue: string | null;
  readonly payload: Json;
  readonly priority: number | null;
  readonly source: 'platform' | 'code' | 'api';
  readonly status: 'active' | 'paused' | 'disabled' | 'not_built';
  readonly cron: string | null;
  readonly timezone: string;
  readonly every_seconds: number | null;
  readonly jitter_seconds: number;
  readonly missed: 'skip' | 'latest' | 'all';
  readonly expires: boolean;
  /** Null while it is not to fire. */
  readonly next_slot: string | null;
  /** The slot and its jitter. */
  readonly next_at: string | null;
  readonly last_slot: string | null;
  readonly last_fired_at: string | null;
  readonly last_fired_by: string | null;
  readonly last_lateness_seconds: number | null;
  readonly last_task_id: string | null;
  readonly slots_fired: number;
  /** Left out by `missed`. */
  readonly slots_missed: number;
  readonly created_at: string;
  readonly updated_at: string;
}

export interface ScheduleDetailJson extends ScheduleJson {
  /** The next slots, while it is to fire. */
  readonly upcoming: readonly string[];
  /** What it fired, newest first. */
  readonly recent: readonly {
    readonly slot: string;
    readonly fired_at: string;
    readonly lateness_seconds: number;
    readonly fired_by: string;
    /** Of the leader; null when it was run by hand. */
    readonly term: number | null;
    readonly by_hand: boolean;
    readonly task_id: string;
  }[];
}

export interface SchedulePageJson {
  readonly schedules: readonly ScheduleJson[];
  readonly next_cursor: string | null;
  /** The beat that fires them; null when none is there, and nothing is fired. */
  readonly leader: { readonly name: string; readonly term: number; readonly since: string } | null;
}

/** Timestamps of datasets, documents and segments are seconds since 1970, as in Dify. */
export interface DatasetJson {
  readonly id: string;
  readonly name: string;
  readonly description: string;
  readonly provider: 'vendor';
  readonly permission: 'all_team_members';
  readonly indexing_technique: 'high_quality' | 'economy';
  readonly embedding_model: string | null;
  readonly embedding_model_provider: string | null;
  /** False when this process embeds with another model: such a dataset cannot be searched by meaning. */
  readonly embedding_available: boolean;
  readonly document_count: number;
  readonly word_count: number;
  readonly created_at: number;
  readonly updated_at: number;
}

export type IndexingStatusName =
  | 'waiting'
  | 'parsing'
  | 'cleaning'
  | 'splitting'
  | 'indexing'
  | 'completed'
  | 'error'
  | 'paused';

export interface DocumentJson {
  readonly id: string;
  readonly dataset_id: string;
  readonly position: number;
  readonly batch: string;
  readonly name: string;
  readonly data_source_type: 'upload_file' | 'text_input';
  readonly created_from: 'api';
  readonly size_bytes: number;
  readonly format: string | null;
  readonly doc_form: 'text_model' | 'hierarchical_model';
  readonly doc_language: string | null;
  readonly doc_metadata: { readonly [key: string]: string | number };
  readonly indexing_status: IndexingStatusName;
  readonly display_status: 'queuing' | 'indexing' | 'available' | 'error' | 'paused' | 'disabled' | 'archived';
  readonly error: string | null;
  readonly error_code: string | null;
  readonly enabled: boolean;
  readonly archived: boolean;
  readonly word_count: number;
  readonly tokens: number;
  readonly total_segments: number;
  readonly completed_segments: number;
  /** The task that indexes it now or did last. */
  readonly task_id: string | null;
  readonly created_at: number;
  readonly updated_at: number;
}

export interface DocumentCreatedJson {
  readonly document: DocumentJson;
  readonly batch: string;
  readonly task_id: string;
}

export interface IndexingStatusJson {
  readonly id: string;
  readonly indexing_status: IndexingStatusName;
  readonly processing_started_at: number | null;
  readonly parsing_completed_at: number | null;
  readonly cleaning_completed_at: number | null;
  readonly splitting_completed_at: number | null;
  readonly completed_at: number | null;
  readonly paused_at: number | null;
  readonly error: string | null;
  readonly error_code: string | null;
  readonly stopped_at: number | null;
  readonly completed_segments: number;
  readonly total_segments: number;
}

export interface SegmentJson {
  readonly id: string;
  readonly document_id: string;
  /** From 1. */
  readonly position: number;
  readonly content: string;
  readonly word_count: number;
  readonly tokens: number;
  readonly keywords: readonly string[];
  readonly page: number | null;
  readonly section: string | null;
  readonly status: 'waiting' | 'completed';
  readonly enabled: boolean;
  readonly created_at: number;
  readonly completed_at: number | null;
  readonly child_chunks: readonly { readonly id: string; readonly position: number; readonly content: string }[];
}

/** A page, as Dify's lists have it. */
export interface PageJson<T> {
  readonly data: readonly T[];
  readonly page: number;
  readonly limit: number;
  readonly total: number;
  readonly has_more: boolean;
}

export interface SegmentPageJson extends PageJson<SegmentJson> {
  readonly doc_form: DocumentJson['doc_form'];
}

export interface ReadinessJson {
  readonly ready: boolean;
  readonly checks: { readonly [name: string]: { readonly ok: boolean; readonly detail?: string | undefined } };
}
