/** What the beat fires, and how often. */
import { flag, integer } from '../variable.ts';

/** Flags of the platform's schedules, by its names. */
const scheduled = (task: string, initial: boolean) =>
  flag({
    default: initial,
    doc: `Fires the schedule of \`${task}\`. Without its task in this release it is listed and not fired.`,
  });

export const beat = {
  CELERY_BEAT_SCHEDULER_TIME: integer(
    1,
    31,
    'days',
  )({
    default: 1,
    doc: 'Days of the month between two runs of the daily cleaning tasks: 2 is every other day, counted from the first.',
  }),
  WORKFLOW_SCHEDULE_POLLER_INTERVAL: integer(
    1,
    1440,
    'minutes',
  )({
    default: 1,
    doc: 'How often due workflow schedules are looked for.',
  }),
  QUEUE_MONITOR_INTERVAL: integer(1, 1440, 'minutes')({ default: 30, doc: 'How often the queue monitor looks.' }),
  QUEUE_MONITOR_THRESHOLD: integer(
    1,
    100_000_000,
    'tasks',
  )({
    default: 200,
    doc: 'Waiting tasks of a queue from which the queue monitor tells of it.',
  }),
  ENABLE_CLEAN_EMBEDDING_CACHE_TASK: scheduled('clean_embedding_cache_task', false),
  ENABLE_CLEAN_UNUSED_DATASETS_TASK: scheduled('clean_unused_datasets_task', false),
  ENABLE_CREATE_TIDB_SERVERLESS_TASK: scheduled('create_tidb_serverless_task', false),
  ENABLE_UPDATE_TIDB_SERVERLESS_STATUS_TASK: scheduled('update_tidb_serverless_status_task', false),
  ENABLE_CLEAN_MESSAGES: scheduled('clean_messages', false),
  ENABLE_MAIL_CLEAN_DOCUMENT_NOTIFY_TASK: scheduled('mail_clean_document_notify_task', false),
  ENABLE_DATASETS_QUEUE_MONITOR: scheduled('datasets_queue_monitor', false),
  ENABLE_CHECK_UPGRADABLE_PLUGIN_TASK: scheduled('check_upgradable_plugin_task', true),
  ENABLE_WORKFLOW_SCHEDULE_POLLER_TASK: scheduled('workflow_schedule_poller_task', true),
  ENABLE_TRIGGER_PROVIDER_REFRESH_TASK: scheduled('trigger_provider_refresh', true),
  ENABLE_HUMAN_INPUT_TIMEOUT_TASK: scheduled('human_input_form_timeout.check_and_resume', true),
  WORKFLOW_LOG_CLEANUP_ENABLED: scheduled('clean_workflow_runlogs_precise', false),
  ENABLE_CLEAN_OAUTH_ACCESS_TOKENS_TASK: scheduled('clean_oauth_access_tokens_task', true),
  MILLRACE_BEAT_REPLICAS: integer(
    0,
    1000,
    'processes',
  )({
    doc: 'Processes in mode `beat` on the same Redis and Postgres, for the connection budget. Unset: 1 in mode `beat`, else 0.',
  }),
} as const;
