/** The tables that are printed: medians of the rounds, least and most beside them. */
import { table } from '../../../worker/cli/table.ts';
import { figure } from '../report.ts';
import {
  byLedger,
  byStamps,
  callers,
  fromCall,
  fromCommit,
  httpMetrics,
  idleMetric,
  metrics,
  redisMetric,
  subjects,
  withWaiting,
} from './names.ts';
import type { Samples } from './samples.ts';

type Say = (text?: string) => void;

const names = [subjects.prefork, subjects.gevent, subjects.bullmq, subjects.notDurable, subjects.durable] as const;
const batchSizes = [100, 1000];

export function printTables(samples: Samples, waiting: readonly number[], say: Say): void {
  const measured = names.filter((name) => samples.of(name, metrics.drain).length > 0);
  const spread = (subject: string, metric: string) => {
    const values = samples.of(subject, metric);
    if (values.length === 0) return '-';
    const middle = figure(samples.median(subject, metric));
    if (values.length === 1) return middle;
    return `${middle} (${figure(Math.min(...values))} - ${figure(Math.max(...values))})`;
  };
  const megabytes = (subject: string, metric: string) => {
    const bytes = samples.median(subject, metric);
    return Number.isNaN(bytes) ? '-' : `${Math.round(bytes / 1e6)} MB`;
  };

  say('Sent and accepted, tasks/s (Celery and BullMQ: Redis has it; Millrace: committed in Postgres).');
  say(
    'Celery has no batches: its `group` sends one by one. HTTP: 64 connections, a task a request; 4 connections, 1,000 a request.',
  );
  say(
    table(
      [
        'subject',
        'one caller',
        `${callers} callers`,
        ...batchSizes.map((size) => `batches of ${size}`),
        'HTTP',
        'HTTP, batches',
      ],
      measured.map((name) => [
        name,
        spread(name, metrics.serial),
        spread(name, metrics.callers),
        ...batchSizes.map((size) => spread(name, metrics.batch(size))),
        spread(name, httpMetrics.single),
        spread(name, httpMetrics.batch),
      ]),
    ),
  );

  say(
    `\nRun, tasks/s; every delivery counted. Waited: all were there before the worker started, the warm-up left out. While sent: from ${callers} callers.`,
  );
  say('Memory: of the worker and its children before the first task, shared pages counted in each.');
  say(
    table(
      ['subject', 'waited', 'while sent', 'tasks', 'deliveries', 'memory'],
      measured.map((name) => [
        name,
        spread(name, metrics.drain),
        spread(name, metrics.mixed),
        sum(samples.of(name, metrics.tasks)),
        sum(samples.of(name, metrics.delivered)),
        megabytes(name, metrics.rss),
      ]),
    ),
  );
  say(`Idle Millrace worker, eight seconds after its start: ${megabytes(subjects.durable, idleMetric)}`);

  say('\nPickup, ms, at half of what the subject ran while tasks were sent.');
  say(`  ${fromCall}: with the time to accept it; a peer has no other moment of acceptance.`);
  say(`  ${fromCommit}: what goals go by. Of probes (sample_clock), up to the moment in which the handler is entered.`);
  say(
    `  ${byLedger}: of all tasks; from the start of the accepting transaction, to the claim: leaves out its commit and the way to the handler.`,
  );
  say(
    `  ${byStamps}: BullMQ's own stamps, whole milliseconds, so that only their mean tells of less; what tasks go by that are not durable.`,
  );
  const pickups = (subject: string) =>
    [fromCommit, fromCall, byLedger, byStamps]
      .filter((measure) => samples.of(subject, metrics.p50(measure)).length > 0)
      .map((measure) => [
        subject,
        measure,
        spread(subject, metrics.pace),
        spread(subject, metrics.mean(measure)),
        spread(subject, metrics.p50(measure)),
        spread(subject, metrics.p99(measure)),
      ]);
  const backlogs = waiting.map((tasks) => withWaiting(subjects.durable, tasks));
  const paced = backlogs.length > 0 ? [...measured, withWaiting(subjects.durable, 0), ...backlogs] : measured;
  say(table(['subject', 'measured', 'tasks/s', 'mean', 'p50', 'p99'], paced.flatMap(pickups)));

  if (backlogs.length === 0) return;
  say(
    '\nWith many waiting: tasks/s while they are worked off; pickup above is of one queue while they wait in another, beside that of a worker just as new with none waiting.',
  );
  say(
    table(
      ['subject', 'tasks/s', 'Redis'],
      [
        [
          subjects.durable,
          spread(subjects.durable, metrics.drain),
          megabytes(withWaiting(subjects.durable, 0), redisMetric),
        ],
        ...backlogs.map((name) => [name, spread(name, metrics.drain), megabytes(name, redisMetric)]),
      ],
    ),
  );
}

const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
