/** What suites of tasks that are not durable share: one of each kind of task, servers, and a worker in this process. */
import { z } from 'zod';
import { PermanentError } from '../../../worker/errors.ts';
import { defineTask, fixedDelay, type TaskOptions, type TaskRow } from '../../../worker/runtime/index.ts';
import { defaultTenantId as tenantId } from '../../../worker/services/tenants/tenants.ts';
import { databaseKinds, type TestDatabase } from '../../harness/databases.ts';
import type { RedisServers } from '../../harness/redis.ts';
import { createAcl } from '../../harness/redis-acl.ts';
import { startRuntime, type TestRuntime, type TestRuntimeOptions } from '../../harness/runtime.ts';
import { type RunningTopology, startTopology, type TopologyName } from '../../harness/topologies.ts';

/** All of these tasks go here, and the worker takes from it. */
export const queue = 'fast_tasks' as const;
/** The delay of tasks that are tried again. */
export const retryMs = 300;
const readyMs = 20_000;
const endedMs = 15_000;

/** The request of a task that is not durable. */
export const request = (name: string, text = '', options: TaskOptions = {}) => ({
  task: name,
  payload: name === 'held' ? {} : { text },
  tenantId,
  options: { ...options, durable: false },
});

/** What the tasks did. */
class Runs {
  /** In their order: which task, and when. */
  readonly all: { readonly id: string; readonly at: number; readonly text: string }[] = [];
  /** Holds tasks of the name `gated`. */
  gate = Promise.withResolvers<void>();
  /** Of the last run of `gated`. */
  gatedAttempt = -1;

  of(id: string) {
    return this.all.filter((run) => run.id === id);
  }

  note(id: string, text: string): void {
    this.all.push({ id, at: Date.now(), text });
  }
}

export interface NotDurableStage extends AsyncDisposable {
  readonly servers: RunningTopology;
  /** The same servers, under the user of workers in worker/redis/acl.ts. */
  readonly asWorker: Pick<RedisServers, 'targets'>;
  readonly database: TestDatabase;
  readonly runs: Runs;
  /** The worker that was started last. */
  readonly runtime: TestRuntime;
  /** Starts another worker, of one slot, and waits until Redis answers it; the one before has to be stopped. */
  startWorker(options?: Pick<TestRuntimeOptions, 'queues'>): Promise<void>;
  stopWorker(): Promise<void>;
  /** @returns the id */
  send(name: string, text?: string, options?: TaskOptions): Promise<string>;
  /** @throws when Redis does not know it */
  read(id: string): Promise<TaskRow>;
  /** @throws when Redis does not know it, and when it is not terminal within `withinMs` */
  ended(id: string, withinMs?: number): Promise<TaskRow>;
}

/** Starts a topology and a worker on it. */
export async function openNotDurable(topology: TopologyName): Promise<NotDurableStage> {
  await using stack = new AsyncDisposableStack();
  const acl = createAcl();
  const servers = stack.use(await startTopology(topology, undefined, acl));
  const asWorker = acl.as('millrace-worker', servers);
  const database = await (await databaseKinds.pglite()).open();
  stack.defer(async () => {
    // a test closes it
    await Promise.resolve(database[Symbol.asyncDispose]()).catch(() => undefined);
  });
  const runs = new Runs();
  const tasks = createTasks(runs);
  const start = (options: Pick<TestRuntimeOptions, 'queues'> = {}) =>
    startRuntime({ db: database.db, redis: asWorker, tasks, slots: 1, ...options });
  let runtime = start();
  stack.defer(() => runtime[Symbol.asyncDispose]());
  await runtime.broker.whenReady(readyMs);
  const read = async (id: string) => {
    const row = await runtime.notDurable.read(tenantId, id);
    if (!row) throw new Error(`redis knows no task ${id}`);
    return row;
  };
  const opened = stack.move();
  return {
    servers,
    asWorker,
    database,
    runs,
    get runtime() {
      return runtime;
    },
    async startWorker(options) {
      runtime = start(options);
      await runtime.broker.whenReady(readyMs);
    },
    async stopWorker() {
      await runtime[Symbol.asyncDispose]();
    },
    send: async (name, text, options) => (await runtime.enqueuer.one(request(name, text, options))).id,
    read,
    async ended(id, withinMs = endedMs) {
      await read(id);
      return runtime.ended(id, withinMs);
    },
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
}

const payload = z.strictObject({ text: z.string() });
const retry = { retries: 2, delaySeconds: fixedDelay(retryMs / 1000), jitter: 0 };

function createTasks(runs: Runs) {
  const task = (name: string, handle: Parameters<typeof defineTask<typeof payload>>[0]['handle'], more: object = {}) =>
    defineTask({ name, queue, description: 'Of a test.', payload, retry, handle, ...more });
  const aborted = (signal: AbortSignal) =>
    new Promise<never>((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
  return [
    task('echo', async (ctx, { text }) => {
      runs.note(ctx.taskId, text);
      return { text, lastAttempt: ctx.lastAttempt };
    }),
    task('flaky', async (ctx, { text }) => {
      runs.note(ctx.taskId, text);
      if (ctx.attempt < Number(text)) throw new Error(`attempt ${ctx.attempt} fails`);
      return { attempt: ctx.attempt };
    }),
    task('hopeless', async (ctx, { text }) => {
      runs.note(ctx.taskId, text);
      throw new PermanentError({ code: 'hopeless', message: 'No retry mends this.' });
    }),
    task('effectful', async (ctx) => ctx.effect('step', async () => true)),
    task('external', async (ctx) => ctx.external('step', async () => true)),
    task('gated', async (ctx, { text }) => {
      runs.note(ctx.taskId, text);
      runs.gatedAttempt = ctx.attempt;
      await Promise.race([runs.gate.promise, aborted(ctx.signal)]);
      return text;
    }),
    task('endless', () => new Promise(() => undefined), { timeLimitSeconds: 0.2 }),
    task(
      'late',
      async (ctx, { text }) => {
        runs.note(ctx.taskId, text);
        return ctx.attempt >= Number(text) ? ctx.attempt : aborted(ctx.signal);
      },
      { timeLimitSeconds: 0.2, retry: { ...retry, timeouts: true } },
    ),
    defineTask({
      name: 'held',
      queue,
      description: 'Ends where the process of a test runs it.',
      payload: z.strictObject({}),
      handle: async (ctx) => {
        runs.note(ctx.taskId, 'held');
        return 'here';
      },
    }),
    task('isolated', async () => null, { tenantIsolated: true }),
  ];
}
