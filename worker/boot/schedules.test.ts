/** The platform's schedules through a year, fired slot by slot as a beat does, against minutes walked through without croner. */
import { isDeepStrictEqual } from 'node:util';
import { describe, expect, it } from 'vitest';
import { readConfig } from '../config/config.ts';
import { type DefinedSchedule, dueAt, nextOf, planDue, timetableOf } from '../runtime/index.ts';
import {
  clockChanges,
  type Span,
  walkedCron,
  walkedInterval,
  wallClock,
  yearOf,
} from '../runtime/schedules/testing/walk.ts';
import { createSchedules } from '../tasks/schedules.ts';

/** A leap year, for each so many days of the month. */
const year = yearOf(2028);
/** Put on at 02:00 and at 01:00 of UTC, in the southern half by half an hour, and never. */
const zones = [
  { zone: 'America/New_York', changes: 2 },
  { zone: 'Europe/Berlin', changes: 2 },
  { zone: 'Australia/Lord_Howe', changes: 2 },
  { zone: 'Asia/Kathmandu', changes: 0 },
];
/** Millions of slots, on a machine that may be busy. */
const walkTimeoutMs = 120_000;

const schedulesAt = (env: Readonly<Record<string, string>>): DefinedSchedule[] =>
  createSchedules(readConfig(env).beat).filter(({ source }) => source === 'platform');

const asTheyCome = schedulesAt({});
/** Those that have another interval when it is set otherwise. */
const otherwise = schedulesAt({
  CELERY_BEAT_SCHEDULER_TIME: '3',
  WORKFLOW_SCHEDULE_POLLER_INTERVAL: '7',
  QUEUE_MONITOR_INTERVAL: '45',
}).filter(({ timing }, place) => !isDeepStrictEqual(timing, asTheyCome[place]?.timing));

/** As a beat goes from slot to slot that looks in time: each fired when it is due, none left out. */
function fired({ name, timing, jitterSeconds, missed }: DefinedSchedule, { from, to }: Span): number[] {
  const recurrence = { id: name, timetable: timetableOf(timing), jitterSeconds, missed };
  const slots: number[] = [];
  let next = nextOf(name, { timing, jitterSeconds }, new Date(from))?.slot;
  while (next && next.getTime() <= to) {
    const plan = planDue(recurrence, next, dueAt(recurrence, next));
    for (const { slot } of plan.fire) slots.push(slot.getTime());
    if (plan.missed > 0) throw new Error(`${name} left out ${plan.missed} slots at ${next.toISOString()}`);
    next = plan.next;
  }
  return slots;
}

/** The first place where two lists of slots differ. */
function difference(ours: readonly number[], walked: readonly number[]): object | undefined {
  for (let place = 0; place < Math.max(ours.length, walked.length); place += 1)
    if (ours[place] !== walked[place]) return { place, ours: isoOf(ours[place]), walked: isoOf(walked[place]) };
  return undefined;
}

const isoOf = (moment: number | undefined) => moment && new Date(moment).toISOString();

/** Dify's table: task, flag and its default, and when. */
const table = [
  ['clean_embedding_cache_task', 'ENABLE_CLEAN_EMBEDDING_CACHE_TASK', false, '0 2 * * *'],
  ['clean_unused_datasets_task', 'ENABLE_CLEAN_UNUSED_DATASETS_TASK', false, '0 3 * * *'],
  ['create_tidb_serverless_task', 'ENABLE_CREATE_TIDB_SERVERLESS_TASK', false, '0 * * * *'],
  ['update_tidb_serverless_status_task', 'ENABLE_UPDATE_TIDB_SERVERLESS_STATUS_TASK', false, 600],
  ['clean_messages', 'ENABLE_CLEAN_MESSAGES', false, '0 4 * * *'],
  ['mail_clean_document_notify_task', 'ENABLE_MAIL_CLEAN_DOCUMENT_NOTIFY_TASK', false, '0 10 * * 1'],
  ['datasets_queue_monitor', 'ENABLE_DATASETS_QUEUE_MONITOR', false, 1800],
  ['check_upgradable_plugin_task', 'ENABLE_CHECK_UPGRADABLE_PLUGIN_TASK', true, 900],
  ['workflow_schedule_poller_task', 'ENABLE_WORKFLOW_SCHEDULE_POLLER_TASK', true, 60],
  ['trigger_provider_refresh', 'ENABLE_TRIGGER_PROVIDER_REFRESH_TASK', true, 60],
  ['human_input_form_timeout.check_and_resume', 'ENABLE_HUMAN_INPUT_TIMEOUT_TASK', true, 60],
  ['clean_workflow_runlogs_precise', 'WORKFLOW_LOG_CLEANUP_ENABLED', false, '0 2 * * *'],
  ['clean_oauth_access_tokens_task', 'ENABLE_CLEAN_OAUTH_ACCESS_TOKENS_TASK', true, '0 5 * * *'],
] as const;

it('should be those of the table, each with its flag and its time', () => {
  expect(asTheyCome.map(({ name, task, enabled, timing }) => [name, task, enabled, timing])).toEqual(
    table.map(([name, , enabled, when]) => [
      name,
      name,
      enabled,
      typeof when === 'number' ? { everySeconds: when } : { cron: when, timezone: 'UTC' },
    ]),
  );
  for (const [name, flag, enabled] of table) {
    const turned = schedulesAt({ [flag]: String(!enabled) }).filter((one, n) => one.enabled !== asTheyCome[n]?.enabled);
    expect([flag, turned.map((one) => one.name)]).toEqual([flag, [name]]);
  }
  expect(asTheyCome.filter(({ timing }) => timing.cron === undefined)).toHaveLength(6);
  expect(otherwise).toHaveLength(6);
});

describe.each([
  ['as they come', asTheyCome],
  ['set otherwise', otherwise],
])('the schedules of the platform, %s, through a year', (_how, schedules) => {
  it(
    'should fire those with an interval at each multiple of it and at no other minute',
    () => {
      for (const schedule of schedules) {
        const { timing } = schedule;
        if (timing.cron !== undefined) continue;
        const ours = fired(schedule, year);
        expect(ours.length).toBeGreaterThan(365 * 24);
        const walked = walkedInterval(timing.everySeconds / 60, year);
        expect([schedule.name, difference(ours, walked)]).toEqual([schedule.name, undefined]);
      }
    },
    walkTimeoutMs,
  );

  it.each(zones)(
    'should fire the others when the clocks of $zone say so',
    ({ zone: timezone, changes }) => {
      const wallAt = wallClock(timezone, year);
      expect(clockChanges(wallAt, year)).toHaveLength(changes);
      for (const schedule of schedules) {
        const { cron } = schedule.timing;
        if (cron === undefined) continue;
        const ours = fired({ ...schedule, timing: { cron, timezone } }, year);
        expect(ours.length).toBeGreaterThan(50);
        const walked = walkedCron(cron, wallAt, year);
        expect([schedule.name, difference(ours, walked)]).toEqual([schedule.name, undefined]);
      }
    },
    walkTimeoutMs,
  );
});
