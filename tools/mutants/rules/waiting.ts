import type { Chapter } from '../mutant.ts';
import { autoscale, clock, fence, handover, keeping, operations, plans, reconciler } from './tests.ts';

const control = 'worker/runtime/queue-control.ts';
const relay = 'worker/runtime/relay.ts';

/** When a task is due is the ledger's to say. */
export const waiting: Chapter = {
  title: "Waiting is the ledger's",
  mutants: [
    {
      id: 'countdown-clock',
      rule: 'A countdown runs by the clock of the database.',
      file: 'worker/runtime/ledger/accept.ts',
      text: 'eta: task.eta,',
      broken: 'eta: task.eta ?? new Date(Date.now() + (task.countdownSeconds ?? 0) * 1000),',
      test: clock('accepting with a countdown'),
    },
    {
      id: 'retry-delay',
      rule: 'The delay of a retry is kept by the ledger.',
      file: 'worker/runtime/ledger/finish.ts',
      text: 'due_at = clock_timestamp() + make_interval(secs => $5)',
      broken: 'due_at = clock_timestamp() + make_interval(secs => 0 * $5)',
      test: fence('wait by the clock of the database'),
    },
    {
      id: 'relay-late',
      rule: 'What is due is handed over at most 250 ms late.',
      file: relay,
      text: 'const relayIntervalMs = 200;',
      broken: 'const relayIntervalMs = 5000;',
      test: handover('at most 250 ms later'),
    },
    {
      id: 'relay-early',
      rule: 'The relay hands nothing over before it is due.',
      file: 'worker/runtime/ledger/window.ts',
      text: 'const mayRun = `t.due_at <= statement_timestamp() and (',
      broken: 'const mayRun = `(',
      test: handover('should hand over what is due no earlier'),
    },
    {
      id: 'fast-path-due',
      rule: 'Only what is due counts as handed over by its sender.',
      file: 'worker/runtime/ledger/accept.ts',
      text: `case when r.handed and due.now then 'QUEUED' else 'PENDING' end,`,
      broken: `case when r.handed then 'QUEUED' else 'PENDING' end,`,
      test: keeping('should count as handed over only when it is due'),
    },
    {
      id: 'fast-path-countdown',
      rule: 'What is not due is left to the relay.',
      file: 'worker/runtime/enqueue.ts',
      text: 'const waits = row.isolated || row.eta !== undefined || (row.countdownSeconds ?? 0) > 0;',
      broken: 'const waits = row.isolated;',
      test: handover('should leave to the relay what is not due'),
    },
  ],
};

/** Pausing and purging are rows in Postgres, applied to Redis. */
export const pausing: Chapter = {
  title: 'Pause and purge',
  mutants: [
    {
      id: 'pause-row',
      rule: 'Pausing writes its row, also while Redis cannot be told.',
      file: control,
      text: `log.warn({ err: error, queue, paused }, 'redis was not told; the reconciler will');`,
      broken: 'throw error;',
      test: handover('should keep the wish to pause'),
    },
    {
      id: 'pause-applied-again',
      rule: 'What is paused is told Redis again, which may have been wiped.',
      file: 'worker/runtime/reconciler.ts',
      text: 'if (after === undefined) await applyQueueStates(db, broker);',
      broken: '',
      test: reconciler('should tell Redis again'),
    },
    {
      id: 'pause-stale',
      rule: 'What the ledger wants is read again after Redis was told: who was slow may have told last what no longer holds.',
      file: control,
      text: 'const mostTellings = 5;',
      broken: 'const mostTellings = 1;',
      test: reconciler('should not leave Redis with what the ledger wanted before'),
    },
    {
      id: 'pause-autoscale',
      rule: 'No slots are added for what waits in a paused queue.',
      file: 'worker/runtime/autoscale.ts',
      text: 'queues.filter((queue) => !paused.has(queue))',
      broken: 'queues',
      test: autoscale('should add none for what waits in a paused queue'),
    },
    {
      id: 'away-autoscale',
      rule: 'Nor while Redis gives no answer.',
      file: 'worker/runtime/autoscale.ts',
      text: 'consumer.waitingJobs(open)]',
      broken: 'consumer.waitingJobs(open).then((count) => count ?? 0)]',
      test: autoscale('should add none for what waits in a paused queue'),
    },
    {
      id: 'expiry-started',
      rule: 'A look for what has expired does not read again what has begun and so expires no more.',
      file: 'worker/db/migrations/0012_expiry.sql',
      text: 'where expires_at is not null and started_at is null;',
      broken: 'where expires_at is not null;',
      test: plans('should not read those again for what has expired'),
    },
    {
      id: 'purge-reason',
      rule: 'A purge cancels with the reason `purged`.',
      file: control,
      text: `'{"code": "purged"`,
      broken: `'{"code": "cancelled"`,
      test: keeping('with the reason `purged`'),
    },
    {
      id: 'purge-epoch',
      rule: 'A purge raises the epoch, as every cancel.',
      file: control,
      text: 'deaths, epoch + 1, worker',
      broken: 'deaths, epoch, worker',
      test: keeping('with the reason `purged`'),
    },
    {
      id: 'purge-jobs',
      rule: 'A purge takes the jobs of what it has cancelled out of Redis.',
      file: control,
      text: 'await broker?.drop(rows.filter(({ queued }) => queued));',
      broken: 'void broker;',
      test: operations('should leave no job of what was cancelled, replaced or purged'),
    },
    {
      id: 'ended-jobs',
      rule: 'The job of a task that was cancelled or replaced is taken out of Redis.',
      file: 'worker/runtime/drop-jobs.ts',
      text: 'await broker.drop(rows.filter(({ status }) => isTerminal(status)));',
      broken: 'void rows;',
      test: operations('should leave no job of what was cancelled, replaced or purged'),
    },
    {
      id: 'purge-running',
      rule: 'A purge leaves alone what runs.',
      file: control,
      text: `where queue = $1 and status <> 'RUNNING' and (`,
      broken: 'where queue = $1 and (',
      test: keeping('with the reason `purged`'),
    },
  ],
  otherwise: [{ rule: 'bull-board is mounted read-only.', by: 'No bull-board is mounted in this release.' }],
};
