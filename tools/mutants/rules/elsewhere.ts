// biome-ignore-all lint/suspicious/noTemplateCurlyInString: sources of templates stand in strings
import type { Chapter } from '../mutant.ts';
import { handover, hints, job, keeping, notDurable, notDurableJob, refusals } from './tests.ts';

const jobFile = 'worker/runtime/job.ts';
const intake = 'worker/runtime/intake.ts';
const send = 'worker/runtime/not-durable/send.ts';
const refusal = 'worker/runtime/not-durable/refusals.ts';
const context = 'worker/runtime/context.ts';
const hostileText = 'worker/runtime/hostile-text.test.ts';
const standalone = 'through redis as standalone';

/** Jobs that somebody else added, and jobs that say that a row stands behind them. */
export const elsewhere: Chapter = {
  title: 'Jobs from elsewhere',
  mutants: [
    {
      id: 'ledger-job-without-row',
      rule: 'A job that says that a row stands behind it, and none does, makes no row and does not run.',
      file: intake,
      text: 'if (!meta) await acceptForeign(deps, job, id, payload);',
      broken: 'await acceptForeign(deps, job, id, payload);',
      test: keeping('should be dropped when it says'),
    },
    {
      id: 'ledger-job-without-uuid',
      rule: 'So is one whose id no row can have, which would come back for ever.',
      file: intake,
      text: `if (!mayBeRow.test(id)) return { kind: 'dropped' };`,
      broken: '',
      test: keeping('should be dropped when it says'),
    },
    {
      id: 'dropped-counted',
      rule: 'Dropped jobs are counted.',
      file: 'worker/runtime/job-runs.ts',
      text: 'metrics.jobDropped(source.queueName);',
      broken: '',
      test: hints('should drop and count a job'),
    },
    {
      id: 'origin-redis',
      rule: 'A job of origin `redis`, and no other, is a task that is not durable.',
      file: 'worker/runtime/not-durable/job.ts',
      text: `!('origin' in meta) || meta.origin !== 'redis'`,
      broken: `!('origin' in meta)`,
      test: notDurableJob('should be known by their meta'),
    },
    {
      id: 'foreign-uuid',
      rule: 'A job from elsewhere whose id is a UUID keeps it.',
      file: jobFile,
      text: 'return isUuid(jobId) ? jobId.toLowerCase() :',
      broken: 'return',
      test: job('should keep an id that is a UUID'),
    },
    {
      id: 'foreign-made-id',
      rule: 'Another id is made of queue, job id and job timestamp.',
      file: jobFile,
      text: '`${queue}:${jobId}:${timestamp}`',
      broken: '`${queue}:${jobId}`',
      test: job('should tell jobs apart'),
    },
    {
      id: 'foreign-redis-id',
      rule: 'The row keeps the `redis_job_id`.',
      file: intake,
      text: 'redisJobId: job.id === id ? undefined : storableText(job.id),',
      broken: 'redisJobId: undefined,',
      test: keeping('should get one row when it comes from elsewhere'),
    },
    {
      id: 'foreign-bad-data',
      rule: 'Data that Postgres does not keep gets a row all the same.',
      file: intake,
      text: 'name: storableText(job.name),',
      broken: 'name: job.name,',
      test: { file: hostileText, name: 'should take in a foreign job' },
    },
    {
      id: 'foreign-bad-payload',
      rule: 'A payload that does not fit ends its task for good.',
      file: 'worker/runtime/define-task.ts',
      text: 'handle(ctx, parsePayload(name, payload, raw)),',
      broken: 'handle(ctx, raw as never),',
      test: { file: 'worker/runtime/registry.test.ts', name: 'check their payload when they run' },
    },
  ],
};

/** Tasks without a row. */
export const withoutRow: Chapter = {
  title: 'Tasks that are not durable',
  mutants: [
    {
      id: 'loose-attempts',
      rule: "Attempts and delays are BullMQ's own.",
      file: 'worker/runtime/not-durable/job.ts',
      text: '  attempts,\n  backoff: { type: backoffType },',
      broken: '  attempts: 1,\n  backoff: { type: backoffType },',
      test: notDurableJob('should leave attempts'),
    },
    {
      id: 'loose-delay',
      rule: "A delay is BullMQ's own.",
      file: send,
      text: 'const delay = job.delayMs > 0 ? { delay: job.delayMs } : {};',
      broken: 'const delay = {};',
      test: notDurable(`${standalone} should start what is delayed`),
    },
    {
      id: 'loose-status-hour',
      rule: 'Their end is told for an hour.',
      file: 'worker/runtime/not-durable/job.ts',
      text: 'export const keptSeconds = 3600;',
      broken: 'export const keptSeconds = 60;',
      test: notDurableJob('should be trimmed'),
    },
    {
      id: 'loose-no-unique-key',
      rule: 'They have no unique key.',
      file: refusal,
      text: 'options?.uniqueKey !== undefined',
      broken: 'options?.uniqueKey === null',
      test: refusals('should refuse a unique key'),
    },
    {
      id: 'loose-no-flow',
      rule: 'They are part of no flow.',
      file: 'worker/runtime/flow-plan.ts',
      text: 'if (options.durable === false) refuse(',
      broken: 'if (options.durable === null) refuse(',
      test: { file: 'worker/runtime/flow-plan.test.ts', name: 'should name every place that is wrong' },
    },
    {
      id: 'loose-no-effect',
      rule: '`ctx.effect` throws.',
      file: context,
      text: `this.#mustBeDurable('ctx.effect');`,
      broken: '',
      test: refusals('should refuse its handler effects'),
    },
    {
      id: 'loose-no-transaction',
      rule: 'They are accepted in no transaction of Postgres.',
      file: refusal,
      text: 'if (!asked) return;',
      broken: 'if (asked) return;',
      test: refusals('should refuse a transaction of Postgres'),
    },
    {
      id: 'loose-batch-one-kind',
      rule: 'A batch is all durable or all not.',
      file: refusal,
      text: 'if (requests.every(asksNotDurable)) return;',
      broken: 'if (requests.some(asksNotDurable)) return;',
      test: refusals('a batch of both kinds'),
    },
    {
      id: 'loose-batch-one-queue',
      rule: 'A batch that is not durable goes to one queue.',
      file: refusal,
      text: 'if (queues.size <= 1) return;',
      broken: 'if (queues.size <= 2) return;',
      test: refusals('one of several queues'),
    },
    {
      id: 'loose-batch-one-multi',
      rule: 'A batch that is not durable is taken as a whole or not at all.',
      file: send,
      text: 'jobs.map(plainJob), { together: true });',
      broken: 'jobs.map(plainJob));',
      test: notDurable(`${standalone} should take all of a batch`),
    },
    {
      id: 'durable-without-redis',
      rule: 'With Redis away a durable task is accepted all the same, and does not wait for Redis.',
      file: 'worker/runtime/enqueue.ts',
      text: `    // Not awaited: durable is durable now, and a slow Redis must not hold the answer back.
    void handOver(`,
      broken: '    await handOver(',
      test: handover('and not wait for Redis'),
    },
    {
      id: 'loose-without-redis',
      rule: 'With Redis away a task that is not durable is refused.',
      file: send,
      text: `if (!broker.ready) throw unavailable('cannot be reached. Nothing was accepted.');`,
      broken: 'if (!broker.ready) return;',
      test: handover('and none that are not'),
    },
    {
      id: 'loose-late-add',
      rule: 'An add that gave no answer may have run, and its answer says so.',
      file: send,
      text: 'if (isRefusal(error)) throw unavailable(',
      broken: 'if (error) throw unavailable(',
      test: notDurable(`${standalone} should say within its bound that redis does not answer`),
    },
  ],
};
