/** All schedules that stand in code: the platform's table, and your own. A new schedule is one entry here. */
import type { Config } from '../config/config.ts';
import { type DefinedSchedule, defineSchedule } from '../runtime/index.ts';

/** Schedules of your own tasks (docs/guides/schedules.md). They belong to the default tenant. */
const own: readonly DefinedSchedule[] = [];

const minute = 60;

/** The platform's schedules. Those whose task is not part of this release are listed and never fired. */
function platform({ flags, everyDays, pollerMinutes, queueMonitor }: Config['beat']): DefinedSchedule[] {
  /** At an hour of the day, each day or each so many days of the month, as the platform does. */
  const daily = (hour: number) => `0 ${hour} ${everyDays === 1 ? '*' : `*/${everyDays}`} * *`;
  const schedule = (task: string, enabled: boolean, when: { cron: string } | { everySeconds: number }, payload = {}) =>
    defineSchedule({ name: task, task, enabled, payload, source: 'platform', ...when });
  return [
    schedule('clean_embedding_cache_task', flags.cleanEmbeddingCache, { cron: daily(2) }),
    schedule('clean_unused_datasets_task', flags.cleanUnusedDatasets, { cron: daily(3) }),
    schedule('create_tidb_serverless_task', flags.createTidbServerless, { cron: '0 * * * *' }),
    schedule('update_tidb_serverless_status_task', flags.updateTidbServerlessStatus, { everySeconds: 10 * minute }),
    schedule('clean_messages', flags.cleanMessages, { cron: daily(4) }),
    schedule('mail_clean_document_notify_task', flags.mailCleanDocumentNotify, { cron: '0 10 * * 1' }),
    schedule(
      'datasets_queue_monitor',
      flags.datasetsQueueMonitor,
      { everySeconds: queueMonitor.everyMinutes * minute },
      { threshold: queueMonitor.threshold },
    ),
    schedule('check_upgradable_plugin_task', flags.checkUpgradablePlugin, { everySeconds: 15 * minute }),
    schedule('workflow_schedule_poller_task', flags.workflowSchedulePoller, { everySeconds: pollerMinutes * minute }),
    schedule('trigger_provider_refresh', flags.triggerProviderRefresh, { everySeconds: minute }),
    schedule('human_input_form_timeout.check_and_resume', flags.humanInputTimeout, { everySeconds: minute }),
    schedule('clean_workflow_runlogs_precise', flags.workflowLogCleanup, { cron: '0 2 * * *' }),
    schedule('clean_oauth_access_tokens_task', flags.cleanOauthAccessTokens, { cron: daily(5) }),
  ];
}

export const createSchedules = (settings: Config['beat']): DefinedSchedule[] => [...platform(settings), ...own];
