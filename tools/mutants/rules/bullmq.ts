import type { Chapter } from '../mutant.ts';
import { forbidden, handover, hints, job, jobsInRedis, keeping, reconciler } from './tests.ts';

const jobFile = 'worker/runtime/job.ts';
const source = 'worker/runtime/job-source.ts';
const broker = 'worker/runtime/broker.ts';
const adding = 'worker/runtime/add-jobs.ts';
const moving = 'worker/runtime/move-jobs.ts';
const asJob = 'that BullMQ neither tries again nor keeps';

/** Durable jobs are hints: BullMQ tries, delays, fails and keeps none. */
export const bullmq: Chapter = {
  title: 'BullMQ decides nothing for durable tasks',
  mutants: [
    {
      id: 'job-one-attempt',
      rule: 'BullMQ makes one attempt of a durable job.',
      file: jobFile,
      text: '  attempts: 1,',
      broken: '  attempts: 3,',
      test: job(asJob),
    },
    {
      id: 'job-not-kept-completed',
      rule: 'A durable job goes when it is acknowledged.',
      file: jobFile,
      text: '  removeOnComplete: true,',
      broken: '  removeOnComplete: false,',
      test: job(asJob),
    },
    {
      id: 'job-not-kept-failed',
      rule: 'A durable job that BullMQ fails is not kept.',
      file: jobFile,
      text: '  removeOnFail: true,',
      broken: '  removeOnFail: false,',
      test: job(asJob),
    },
    {
      id: 'job-not-delayed',
      rule: "Durable jobs never enter BullMQ's delayed set.",
      file: jobFile,
      text: 'opts: { ...durableJobOptions, jobId: row.id,',
      broken: 'opts: { ...durableJobOptions, delay: 1000, jobId: row.id,',
      test: job(asJob),
    },
    {
      id: 'stalled-out-of-reach',
      rule: 'However often a job stalls, BullMQ does not fail it.',
      file: source,
      text: 'const maxStalledCount = 1_000_000_000;',
      broken: 'const maxStalledCount = 1;',
      test: hints('should leave retries and stalled jobs to the ledger'),
    },
    {
      id: 'run-retry-delay',
      rule: 'A worker finds a Redis that is back within a second.',
      file: source,
      text: 'const runRetryDelayMs = 1000;',
      broken: 'const runRetryDelayMs = 15_000;',
      test: hints('should leave retries and stalled jobs to the ledger'),
    },
    {
      id: 'add-leaves-what-stands',
      rule: 'A job that stands in Redis already stays as it is.',
      file: adding,
      text: "if call('EXISTS', key) == 1 then",
      broken: "if call('EXISTS', key) == 2 then",
      test: jobsInRedis('should leave a job that stands there already'),
    },
    {
      id: 'add-in-order',
      rule: 'Jobs of one priority are taken in the order in which they came.',
      file: adding,
      text: 'counter = counter + 1',
      broken: 'counter = counter - 1',
      test: jobsInRedis('should add in several calls'),
    },
    {
      id: 'end-own-lock',
      rule: 'Whoever does not hold the lock of a job does not end it.',
      file: moving,
      text: 'if holder ~= token then return holder and -6 or -2 end',
      broken: '',
      test: jobsInRedis('should change nothing and say so when somebody else has locked it'),
    },
    {
      id: 'end-removes',
      rule: 'A durable job that is acknowledged is gone, and can be added anew.',
      file: moving,
      text: "call('DEL', key, lock, key .. ':logs'",
      broken: "call('DEL', lock, key .. ':logs'",
      test: jobsInRedis('should say, as BullMQ does, that a queue is drained'),
    },
    {
      id: 'end-next-of-paused',
      rule: 'A paused queue gives out no next job.',
      file: moving,
      text: 'not (meta[2] or meta[3] or meta[4])',
      broken: 'not (meta[3] or meta[4])',
      test: jobsInRedis('should end a job and give out none where the queue is paused'),
    },
    {
      id: 'end-next-locked',
      rule: 'A job that is given out is locked.',
      file: moving,
      text: "  call('SET', key .. ':lock', token, 'PX', ARGV[3])\n",
      broken: '',
      test: jobsInRedis('should end a job and give out the next as BullMQ does'),
    },
    {
      id: 'add-may-be-no-op',
      rule: 'An add that met a job of the same id has added nothing: a row whose old job is acknowledged is handed over anew.',
      file: 'worker/runtime/consumer.ts',
      text: 'if (!keepsItsJob.has(outcome) && isUuid(taskId)) await this.#reopen(taskId);',
      broken: 'if (!isUuid(taskId)) await this.#reopen(taskId);',
      test: hints('while its old job stood'),
    },
    {
      id: 'add-may-fail-fast-path',
      rule: 'A pipeline of adds is no transaction: the fast path gives back the rows that Redis did not take.',
      file: 'worker/runtime/enqueue.ts',
      text: 'if (added.length === due.length) return;',
      broken: 'if (added.length <= due.length) return;',
      test: handover('should leave to the relay what Redis did not take'),
    },
    {
      id: 'add-may-fail-relay',
      rule: 'The relay gives back the rows that Redis did not take, and tries them again.',
      file: 'worker/runtime/relay.ts',
      text: 'if (added.length === taken.rows.length) return undefined;',
      broken: 'if (added.length <= taken.rows.length) return undefined;',
      test: handover('should give back what Redis did not take'),
    },
    {
      id: 'release-not-running',
      rule: 'A row that somebody runs by now is not given back by whoever handed it over.',
      file: 'worker/runtime/ledger/handover.ts',
      text: `where t.id = handed.id and t.epoch = handed.epoch and t.status = 'QUEUED'`,
      broken: 'where t.id = handed.id',
      test: keeping('but for those that somebody runs by now'),
    },
    {
      id: 'reconciler-puts-back',
      rule: 'Rows that Redis no longer knows are put back.',
      file: 'worker/runtime/reconciler.ts',
      text: 'const back = await putBack(db, missing);',
      broken: 'const back = await putBack(db, []);',
      test: reconciler('should put back rows'),
    },
    {
      id: 'no-flow-producer',
      rule: "BullMQ's flow producer is not used.",
      file: broker,
      text: `import { Queue } from 'bullmq';`,
      broken: `import { FlowProducer, Queue } from 'bullmq';\nexport const flows = FlowProducer;`,
      test: forbidden('flow producer'),
    },
    {
      id: 'no-key-prefix',
      rule: "ioredis' `keyPrefix` is not used.",
      file: 'worker/redis/connections.ts',
      text: '  connectTimeout: 3000,\n  keepAlive: 10_000,',
      broken: `  connectTimeout: 3000,\n  keyPrefix: 'millrace:',\n  keepAlive: 10_000,`,
      test: forbidden('key prefix'),
    },
  ],
};
