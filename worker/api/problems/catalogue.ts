/** Every code an answer may carry, with its HTTP status and title. Codes are stable: scripts lean on them. */

export interface ProblemKind {
  readonly status: number;
  readonly title: string;
}

export const problemKinds = {
  // 400
  request_invalid: { status: 400, title: 'The request does not fit' },
  payload_invalid: { status: 400, title: 'The payload does not fit its task' },
  flow_invalid: { status: 400, title: 'The flow does not fit' },
  json_malformed: { status: 400, title: 'The body is no JSON' },
  form_malformed: { status: 400, title: 'The form is incomplete or broken' },
  text_malformed: { status: 400, title: 'The text is no Unicode text' },
  schedule_invalid: { status: 400, title: 'The schedule cannot be kept' },
  cursor_invalid: { status: 400, title: 'The cursor is none of ours' },
  http_malformed: { status: 400, title: 'The request is no HTTP' },
  durable_mixed: { status: 400, title: 'The batch holds durable tasks and others' },
  queues_mixed: { status: 400, title: 'The batch goes to several queues' },
  // 401, 404
  key_missing: { status: 401, title: 'An API key is needed' },
  key_unknown: { status: 401, title: 'The API key is not known' },
  not_found: { status: 404, title: 'There is nothing here' },
  task_not_found: { status: 404, title: 'There is no such task' },
  flow_not_found: { status: 404, title: 'There is no such flow' },
  queue_not_found: { status: 404, title: 'There is no such queue' },
  schedule_not_found: { status: 404, title: 'There is no such schedule' },
  dead_letter_not_found: { status: 404, title: 'There is no such dead letter' },
  dataset_not_found: { status: 404, title: 'There is no such dataset' },
  document_not_found: { status: 404, title: 'There is no such document' },
  batch_not_found: { status: 404, title: 'There is no such batch' },
  // 408, 409
  request_too_slow: { status: 408, title: 'The request came too slowly' },
  task_running: { status: 409, title: 'The task is running' },
  task_finished: { status: 409, title: 'The task has ended' },
  flow_finished: { status: 409, title: 'The flow has ended' },
  flow_id_taken: { status: 409, title: 'The flow id is taken' },
  task_id_taken: { status: 409, title: 'The task id is taken' },
  unique_key_taken: { status: 409, title: 'A task with this unique key is alive' },
  schedule_fixed: { status: 409, title: 'The schedule is not defined by calls' },
  schedule_not_built: { status: 409, title: 'The task of the schedule is not there yet' },
  dataset_name_taken: { status: 409, title: 'The dataset name is taken' },
  document_busy: { status: 409, title: 'The document is being indexed' },
  document_not_indexing: { status: 409, title: 'The document is not being indexed' },
  document_not_paused: { status: 409, title: 'The document is not paused' },
  // 413, 414, 415
  batch_too_large: { status: 413, title: 'The batch holds too many tasks' },
  flow_too_large: { status: 413, title: 'The flow holds too much' },
  payload_too_large: { status: 413, title: 'The payload is too large' },
  body_too_large: { status: 413, title: 'The body is too large' },
  file_too_large: { status: 413, title: 'The file is too large' },
  form_too_large: { status: 413, title: 'The form holds too much' },
  url_too_long: { status: 414, title: 'The address is too long' },
  media_type_unsupported: { status: 415, title: 'The media type is not taken here' },
  // 422, 426
  task_unknown: { status: 422, title: 'There is no task of this name' },
  durable_only: { status: 422, title: 'Only a durable task can have this' },
  indexing_technique_mismatch: { status: 422, title: 'The dataset is indexed otherwise' },
  embedding_model_unavailable: { status: 422, title: 'The embedding model is not served here' },
  retrieval_invalid: { status: 422, title: 'The dataset cannot be searched so' },
  upgrade_required: { status: 426, title: 'A WebSocket is expected' },
  // 429
  rate_limited: { status: 429, title: 'Too many requests' },
  // 5xx
  internal_error: { status: 500, title: 'Something went wrong here' },
  embedding_failed: { status: 502, title: 'The embedding model did not answer' },
  database_unavailable: { status: 503, title: 'The database is away' },
  redis_unavailable: { status: 503, title: 'Redis is away' },
  outcome_unknown: { status: 503, title: 'The database went away in the middle' },
  storage_failed: { status: 503, title: 'The file storage is away' },
  embedding_unavailable: { status: 503, title: 'The embedding model is busy or away' },
  streams_exhausted: { status: 503, title: 'Too many event streams are open' },
  shutting_down: { status: 503, title: 'This process is stopping' },
} as const satisfies Record<string, ProblemKind>;

export type ProblemCode = keyof typeof problemKinds;

export const isProblemCode = (code: string): code is ProblemCode => Object.hasOwn(problemKinds, code);
