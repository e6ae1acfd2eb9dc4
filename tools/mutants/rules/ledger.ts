// biome-ignore-all lint/suspicious/noTemplateCurlyInString: sources of templates stand in strings
import type { Chapter } from '../mutant.ts';
import { clock, fence, hints, keeping, leaseRenewal, onPostgres, reconciler } from './tests.ts';

const claim = 'worker/runtime/ledger/claim.ts';
const finish = 'worker/runtime/ledger/finish.ts';
const deaths = 'worker/runtime/ledger/deaths.ts';
const consumer = 'worker/runtime/consumer.ts';

const finishFence = "const fenced = `id = $1 and epoch = $2 and owner = $3 and status = 'RUNNING'`;";
/** What all takeovers set of a row, the sweep among them. */
const taken = `epoch = epoch + 1, owner = null, worker = null, lease_until = null,
  due_at = clock_timestamp(), attempts = greatest(attempts - 1, 0)\`;
/** The same of one that its process may have died of: it runs alone in a child from now on, until it ends cleanly. */
const takenOver = \`\${putBack}, suspect = true`;
const swept = (from: string, to: string) => {
  if (!taken.includes(from)) throw new Error(`a takeover sets no ${from}`);
  return { file: claim, text: taken, broken: taken.replace(from, to) };
};
const overtaken = 'a run that says it is';

/** Who runs is decided by rows, epochs, owners and leases. */
export const ledger: Chapter = {
  title: 'The ledger alone decides who runs',
  mutants: [
    {
      id: 'view-finished',
      rule: 'The view `tasks` shows live and finished tasks alike.',
      file: 'worker/db/migrations/0005_flows.sql',
      text: 'redis_job_id, dead_letter, flow_id, 0 as waiting_for\n    from tasks_finished;',
      broken: 'redis_job_id, dead_letter, flow_id, 0 as waiting_for\n    from tasks_finished where dead_letter;',
      test: keeping('live and finished tasks alike'),
    },
    {
      id: 'epoch-claim',
      rule: 'A claim raises the epoch.',
      file: claim,
      text: `status = 'RUNNING', epoch = epoch + 1, owner = $1`,
      broken: `status = 'RUNNING', owner = $1`,
      test: fence('a claim should be let in'),
    },
    {
      id: 'epoch-takeover',
      rule: 'The takeover of a lapsed lease by a claim raises the epoch.',
      file: claim,
      text: `status = 'RUNNING', epoch = epoch + 1, owner = $1`,
      broken: `status = 'RUNNING', epoch = epoch + case when status = 'RUNNING' then 0 else 1 end, owner = $1`,
      test: fence('should take over a lease'),
    },
    {
      id: 'epoch-sweep',
      rule: 'The sweep of a lapsed lease raises the epoch.',
      ...swept('epoch = epoch + 1, ', ''),
      test: fence('should be swept'),
    },
    {
      id: 'epoch-cancel',
      rule: 'A cancel raises the epoch.',
      file: finish,
      text: 'select gone.*, epoch + 1 as next_epoch from gone',
      broken: 'select gone.*, epoch as next_epoch from gone',
      test: fence('when it is cancelled'),
    },
    {
      id: 'epoch-timeout',
      rule: 'A passed time limit raises the epoch.',
      file: finish,
      text: `status === 'TIMED_OUT' ? 'epoch + 1' : 'epoch'`,
      broken: `status === 'TIMED_OUT' ? 'epoch' : 'epoch'`,
      test: fence('over its time limit'),
    },
    {
      id: 'epoch-hand-back',
      rule: 'A hand-back raises the epoch.',
      file: finish,
      text: `set status = 'PENDING', epoch = epoch + 1, owner = null`,
      broken: `set status = 'PENDING', owner = null`,
      test: fence('when it is handed back'),
    },
    {
      id: 'fence-epoch',
      rule: 'The end of a run with an older epoch is refused.',
      file: finish,
      text: finishFence,
      broken: finishFence.replace('epoch = $2', 'epoch >= $2'),
      test: fence(overtaken),
    },
    {
      id: 'fence-owner',
      rule: 'The end of a run with the token of another owner is refused.',
      file: finish,
      text: finishFence,
      broken: finishFence.replace('owner = $3', '(owner = $3 or true)'),
      test: fence(overtaken),
    },
    {
      id: 'fence-status',
      rule: 'The end of a run whose row is not RUNNING is refused.',
      file: finish,
      text: finishFence,
      broken: finishFence.replace(`status = 'RUNNING'`, `status <> ''`),
      test: fence(overtaken),
    },
    {
      id: 'fence-death',
      rule: 'The death of a run that was overtaken is not counted.',
      file: deaths,
      text: finishFence,
      broken: finishFence.replace('epoch = $2', 'epoch >= $2'),
      test: fence(overtaken),
    },
    {
      id: 'fence-completion-epoch',
      rule: 'A good end with an older epoch is refused.',
      file: finish,
      text: 'where t.id = ended.id and t.epoch = ended.epoch and',
      broken: 'where t.id = ended.id and t.epoch >= ended.epoch and',
      test: fence('it is completed should be refused with an older epoch'),
    },
    {
      id: 'fence-completion-owner',
      rule: 'A good end with the token of another owner is refused.',
      file: finish,
      text: 'and t.owner = ended.owner and',
      broken: 'and (t.owner = ended.owner or true) and',
      test: fence('it is completed should be refused with an older epoch'),
    },
    {
      id: 'attempts-not-takeovers',
      rule: 'A takeover counts no attempt.',
      file: claim,
      text: `attempts = attempts + case when status = 'RUNNING' then 0 else 1 end`,
      broken: 'attempts = attempts + 1',
      test: fence('should take over a lease'),
    },
    {
      id: 'attempts-not-sweeps',
      rule: 'The sweep of a lapsed lease counts no attempt.',
      ...swept('attempts = greatest(attempts - 1, 0)', 'attempts = attempts'),
      test: fence('should be swept'),
    },
    {
      id: 'deaths-not-sweeps',
      rule: 'Nobody is charged a death because a lease lapsed.',
      ...swept('suspect = true', 'suspect = true, deaths = deaths + 1'),
      test: fence('should be swept'),
    },
    {
      id: 'attempts-not-hand-backs',
      rule: 'A hand-back counts no attempt.',
      file: finish,
      text: 'due_at = clock_timestamp(), attempts = greatest(attempts - 1, 0)\n      where ${fenced}',
      broken: 'due_at = clock_timestamp()\n      where ${fenced}',
      test: fence('when it is handed back'),
    },
    {
      id: 'claim-due',
      rule: 'A claim is refused on a row that is not due.',
      file: claim,
      text: 'else due_at <= clock_timestamp() end',
      broken: 'else true end',
      test: fence('that is not due'),
    },
    {
      id: 'claim-live-lease',
      rule: 'A claim is refused on a row whose lease lives.',
      file: claim,
      text: `case when status = 'RUNNING' then $4 and lease_until < clock_timestamp() else`,
      broken: `case when status = 'RUNNING' then $4 else`,
      test: fence('a lease that lives'),
    },
    {
      id: 'claim-expired',
      rule: 'A task that has expired never starts.',
      file: claim,
      text: 'and (expires_at is null or expires_at > clock_timestamp() or started_at is not null)',
      broken: '',
      test: fence('that has expired'),
    },
    {
      id: 'lease-length',
      rule: 'A lease lasts 30 s.',
      file: claim,
      text: 'export const leaseSeconds = 30;',
      broken: 'export const leaseSeconds = 20;',
      test: fence('a claim should be let in'),
    },
    {
      id: 'lease-clock',
      rule: 'Leases are judged by the clock of the database.',
      file: claim,
      text: `case when status = 'RUNNING' then $4 and lease_until < clock_timestamp() else`,
      broken: "case when status = 'RUNNING' then $4 and lease_until < '${new Date().toISOString()}'::timestamptz else",
      test: clock('claiming'),
    },
    {
      id: 'lease-renewal-newest',
      rule: 'Of two claims of one process on one task only the newer is renewed.',
      file: claim,
      text: 'on t.id = fence.id and t.epoch = fence.epoch\n        where',
      broken: 'on t.id = fence.id\n        where',
      test: fence('should be renewed together'),
    },
    {
      id: 'lease-renewal-skips',
      rule: 'Leases are renewed in groups, and a row that is locked holds up no other.',
      file: claim,
      text: 'for update of t skip locked)',
      broken: 'for update of t)',
      test: leaseRenewal('should renew the leases of other runs'),
    },
    {
      id: 'lost-claim',
      rule: 'A claim whose answer was lost is given back by its owner, once that answer cannot be under way.',
      file: claim,
      text: "and t.lease_until < statement_timestamp() + interval '${leaseSeconds - answerSeconds} seconds'",
      broken: '',
      test: fence('once its answer cannot be under way'),
    },
    {
      id: 'lock-is-no-lease',
      rule: 'Losing a lock of BullMQ never stops a handler whose lease lives.',
      file: consumer,
      text: 'void this.#jobRuns.renewLocks(sourceOf, this.#leases.confirmed);',
      broken: 'void this.#jobRuns.renewLocks(sourceOf, this.#leases.confirmed).then(() => this.#draining.abort());',
      test: hints('whose lock is lost'),
    },
    {
      id: 'sweep-interval',
      rule: 'Lapsed leases are swept every 5 s.',
      file: 'worker/runtime/reconciler.ts',
      text: 'const sweepIntervalMs = 5000;',
      broken: 'const sweepIntervalMs = 15_000;',
      test: reconciler('every 5 s'),
    },
    {
      id: 'sweep-after-outage',
      rule: 'After an outage of Postgres the sweep waits one lease.',
      file: 'worker/runtime/reconciler.ts',
      text: 'quietUntil = Date.now() + leaseSeconds * 1000;',
      broken: 'quietUntil = Date.now();',
      test: reconciler('time of a lease to renew'),
    },
    {
      id: 'claim-after-outage',
      rule: 'After an outage of Postgres claims take over no lapsed lease for the length of one.',
      file: consumer,
      text: 'claimTasks(db, ids, this.#owner, worker, this.#leases.mayTakeOver)',
      broken: 'claimTasks(db, ids, this.#owner, worker)',
      test: hints('should take nothing over'),
    },
    {
      id: 'claim-after-outage-heard',
      rule: 'A lease keeper that the database did not answer counts as an outage.',
      file: 'worker/runtime/leases.ts',
      text: 'this.#awayAt = Date.now();\n        throw error;',
      broken: 'throw error;',
      test: { file: 'worker/runtime/leases.test.ts' },
    },
    {
      id: 'synchronous-commit',
      rule: 'What is committed is on the disk (`synchronous_commit` on), whatever server and role say.',
      file: 'worker/db/postgres.ts',
      text: 'await boundedQuery(client, { text: waitForTheDisk }, timeoutMs);',
      broken: 'void client;',
      test: onPostgres('should wait for the disk'),
    },
    {
      id: 'statement-unanswered',
      rule: 'A connection on which a statement was left unanswered is given to nobody else.',
      file: 'worker/db/pooled-connection.ts',
      text: 'this.#client.release(this.#broken);',
      broken: 'this.#client.release();',
      test: onPostgres('should give up a connection that no longer answers'),
    },
    {
      id: 'end-before-acknowledging',
      rule: 'The terminal row commits before BullMQ is told.',
      file: consumer,
      text: 'complete: (completion) => this.#completions.add(completion),',
      broken: 'complete: async (completion) => this.#completions.add(completion) !== undefined,',
      test: hints('once it is committed'),
    },
  ],
};
