// biome-ignore-all lint/suspicious/noTemplateCurlyInString: sources of templates stand in strings
import type { Chapter } from '../mutant.ts';
import { beat, deaths, forbidden, hints, keeping, partitionTests, slots, topologies } from './tests.ts';

const partitions = 'worker/runtime/ledger/partitions.ts';
const ledgerSchema = 'worker/db/migrations/0001_ledger.sql';

/** Where handlers run, and who looks after those that do not end. */
export const execution: Chapter = {
  title: 'Execution',
  mutants: [
    {
      id: 'slots-shared',
      rule: 'Slots are a process’s, shared by its queues.',
      file: 'worker/runtime/slots.ts',
      text: 'while (this.#busy < this.#capacity &&',
      broken: 'while (this.#busy <= this.#capacity &&',
      test: slots('and none beyond'),
    },
    {
      id: 'slot-before-fetch',
      rule: 'A slot is taken before a fetch: no job waits in a process.',
      file: 'worker/runtime/queue-loop.ts',
      text: 'slot = await slots.take(tier, source.queueName);',
      broken: 'slot = slots.busy > 0 ? { release: () => undefined } : await slots.take(tier, source.queueName);',
      test: hints('should fetch no job before'),
    },
    {
      id: 'lost-lease-heard',
      rule: 'A run that has lost its lease is told so by its signal.',
      file: 'worker/runtime/leases.ts',
      text: 'this.#runs.delete(run)) run.lost();',
      broken: 'this.#runs.delete(run)) continue;',
      test: topologies('through redis as standalone should stop a running task that is cancelled'),
    },
    {
      id: 'watchdog-kills',
      rule: 'A watchdog outside the loop kills the process of a handler that never yields.',
      file: 'worker/runtime/execution/watchdog.worker.ts',
      text: `process.kill(process.pid, 'SIGKILL');`,
      broken: '',
      test: deaths('should end a handler that never yields'),
    },
    {
      id: 'supervised',
      rule: 'With mode `all` the crash of a worker is back within 5 s.',
      file: 'worker/boot/supervisor.ts',
      text: 'const maxDelayMs = 5000;',
      broken: 'const maxDelayMs = 60_000;',
      test: { file: 'worker/boot/supervisor.test.ts', name: 'should wait longer with each death in a row' },
    },
  ],
  otherwise: [
    {
      rule: 'Leases renew on the loop that runs the handlers.',
      by: '`Leases` runs in the process of the consumer; `test/integration/runtime/lease-renewal.test.ts`.',
    },
  ],
};

/** One live row a task, finished ones by day, and for how long they are there. */
export const table: Chapter = {
  title: 'The table',
  mutants: [
    {
      id: 'unique-key',
      rule: 'One live task a unique key.',
      file: ledgerSchema,
      text: 'create unique index tasks_live_unique_key',
      broken: 'create index tasks_live_unique_key',
      test: keeping('should be one live task a tenant and key'),
    },
    {
      id: 'unique-key-tenant',
      rule: 'Unique keys are a tenant’s own.',
      file: ledgerSchema,
      text: 'on tasks_live (tenant_id, unique_key) where unique_key is not null;',
      broken: 'on tasks_live (unique_key) where unique_key is not null;',
      test: keeping('should be one live task a tenant and key'),
    },
    {
      id: 'partition-day',
      rule: 'Finished rows move to partitions by day.',
      file: partitions,
      text: 'if (blocked) return;',
      broken: 'if (!blocked) return;',
      test: keeping('in the partition of its day'),
    },
    {
      id: 'finished-id',
      rule: 'The id of a finished task gets the old answer.',
      file: 'worker/runtime/ledger/accept.ts',
      text: 'for (const id of await undoFinished(db, tasks, rows)) rows.delete(id);',
      broken: '',
      test: keeping('should get the old answer for the same payload'),
    },
    {
      id: 'ttl-days',
      rule: 'A day is kept until all of it is older than `MILLRACE_RESULT_TTL`.',
      file: partitions,
      text: 'T00:00:00Z`) < limit;',
      broken: 'T00:00:00Z`) < new Date();',
      test: keeping('should answer for an id while its row is kept'),
    },
    {
      id: 'ttl-rows',
      rule: 'A row outside of the days’ partitions is kept until it is older than `MILLRACE_RESULT_TTL`.',
      file: partitions,
      text: 'where finished_at < now() - make_interval(secs => $1)\n                     and not',
      broken: 'where finished_at < now()\n                     and not',
      test: keeping('should answer for an id while its row is kept'),
    },
    {
      id: 'effect-keys-days',
      rule: 'The effect keys of a day go with it.',
      file: partitions,
      text: 'keys as (delete from effects where task_id = any',
      broken: 'keys as (delete from effects where false and task_id = any',
      test: keeping('should answer for an id while its row is kept'),
    },
    {
      id: 'effect-keys-new-task',
      rule: 'A new task with an id that was forgotten finds no effect keys of the old one.',
      file: 'worker/runtime/ledger/accept.ts',
      text: 'keys as (delete from effects where task_id = any',
      broken: 'keys as (delete from effects where false and task_id = any',
      test: keeping('should give an id that is free again to a new task'),
    },
    {
      id: 'effect-keys-walk',
      rule: 'Keys of a new task stay when the day goes in which its id was used before.',
      file: partitions,
      text: 'select task_id from keyed except select id from anew',
      broken: 'select task_id from keyed',
      test: keeping('should give an id that is free again to a new task'),
    },
    {
      id: 'effect-keys-unique',
      rule: 'Nor does one that takes the place of the task with its unique key.',
      file: 'worker/runtime/ledger/accept.ts',
      text: 'const undone = await undoFinished(db, [task], new Map([[row.id, row]]));',
      broken: 'const undone: string[] = [];',
      test: keeping('should do so too where the new task takes the place'),
    },
    {
      id: 'effect-keys-retried',
      rule: 'A dead letter that is retried while it was about to go keeps its effect keys.',
      file: partitions,
      text: '${defaultBatch} for update skip locked),',
      broken: '${defaultBatch}),',
      test: partitionTests('should leave its effect keys to a dead letter'),
    },
    {
      id: 'effect-keys-rows',
      rule: 'Effect keys go with their row.',
      file: partitions,
      text: 'keys as (delete from effects where task_id in (select id from old))',
      broken: 'keys as (delete from effects where false)',
      test: keeping('should answer for an id while its row is kept'),
    },
    {
      id: 'schedule-last-slot',
      rule: 'A slot of a schedule that was fired is not fired again, whatever its schedule is set to.',
      file: 'worker/beat/plan.ts',
      text: 'row.last_slot && row.next_slot <= row.last_slot ? timetable.after(row.last_slot) : row.next_slot',
      broken: 'row.next_slot',
      test: beat('should not fire a slot again'),
    },
    {
      id: 'schedule-fence',
      rule: 'Slots are claimed by whoever leads, and by nobody whose lease is over.',
      file: 'worker/beat/claim.ts',
      text: 'await holdLead(tx, lease);',
      broken: '',
      test: beat('should fire nothing for a leader'),
    },
  ],
};

/** The embedded database, and the command line. */
export const embedded: Chapter = {
  title: 'PGlite and the command line',
  mutants: [
    {
      id: 'advisory-locks',
      rule: 'Advisory locks are those of a transaction, never of a session.',
      file: 'worker/runtime/ledger/window.ts',
      text: 'pg_try_advisory_xact_lock($1)',
      broken: 'pg_try_advisory_lock($1)',
      test: forbidden('locks of a session'),
    },
    {
      id: 'query-outside-tx',
      rule: 'A query outside `tx` while one is open throws.',
      file: 'worker/db/database.ts',
      text: 'if (inTransaction.getStore()?.open) {',
      broken: 'if (inTransaction.getStore()?.open === undefined && false) {',
      test: { file: 'worker/db/guard.test.ts', name: 'should refuse a second transaction' },
    },
    {
      id: 'hosts-want-postgres',
      rule: '`threads` and `prefork` beside the embedded database end with exit 78.',
      file: 'worker/config/config.ts',
      text: `(workerClass === 'threads' || workerClass === 'prefork')) {`,
      broken: `workerClass === 'threads') {`,
      test: { file: 'worker/config/config.test.ts', name: 'should refuse threads and children' },
    },
  ],
  otherwise: [
    {
      rule: 'Embedded, a 202 survives the death of every process, not a power cut.',
      by: 'Said in [Guarantees](guarantees.md); `test/failover/indexing-kill.test.ts` kills the process.',
    },
    {
      rule: 'Both drivers refuse a query outside `tx`.',
      by: 'Only `guard` makes a `Database` of a driver: the compiler.',
    },
    {
      rule: 'Pure computation may always leave the loop.',
      by: '`test/integration/runtime/execution.test.ts` (in a thread, of every worker class).',
    },
    {
      rule: 'The command line goes through the API.',
      by: 'The arrows of `make check`; `test/integration/cli/keys.test.ts` has the exception, keys while no API runs.',
    },
  ],
};
