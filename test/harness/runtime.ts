/** A worker and its producer in this process, on real servers: what runtime suites drive. */
import { Registry } from 'prom-client';
import type { WorkerClass } from '../../worker/config/config.ts';
import type { RedisTargets } from '../../worker/config/redis-target.ts';
import type { Database } from '../../worker/db/index.ts';
import type { QueueName } from '../../worker/queues.ts';
import { connectRedis } from '../../worker/redis/index.ts';
import {
  Broker,
  Consumer,
  type ConsumerOptions,
  createEnqueuer,
  createExecutor,
  createRegistry,
  createRuntimeMetrics,
  type createWatchdog,
  type Enqueuer,
  type HostSettings,
  NotDurableTasks,
  noRates,
  type RegisteredTask,
  startReconciler,
  startRelay,
  type TaskRow,
  TaskWatcher,
  Window,
  type WindowLimits,
} from '../../worker/runtime/index.ts';
import { defaultTenantId } from '../../worker/services/tenants/tenants.ts';
import { createLogger } from '../../worker/telemetry/logger.ts';

export interface TestRuntime extends AsyncDisposable {
  readonly enqueuer: Enqueuer;
  readonly broker: Broker;
  readonly consumer: Consumer;
  readonly watcher: TaskWatcher;
  readonly notDurable: NotDurableTasks;
  /** What its relay goes by. */
  readonly limits: WindowLimits;
  /** The row once it is terminal. @throws when that takes longer than `withinMs`. */
  ended(id: string, withinMs?: number): Promise<TaskRow>;
  /** Stops the consumer as SIGTERM does. */
  drain(graceMs: number): Promise<void>;
  /** Cuts its connections to Redis, as a death does. */
  sever(): void;
}

export interface TestRuntimeOptions {
  readonly db: Database;
  /** Servers of the harness, of any topology. */
  readonly redis: { readonly targets: RedisTargets };
  readonly tasks: readonly RegisteredTask[];
  readonly queues?: readonly QueueName[];
  readonly slots?: number;
  readonly window?: Partial<WindowLimits>;
  /** `async` unless told otherwise. */
  readonly workerClass?: WorkerClass;
  /** Left out: everything runs on the loop of the test. */
  readonly hosts?: HostSettings;
  /** Told of handlers that are left behind and do not end. */
  readonly onLost?: (task: string) => void;
  readonly lostAfterMs?: number;
  readonly watchdog?: ReturnType<typeof createWatchdog>;
  readonly consumer?: Pick<ConsumerOptions, 'openSource' | 'silentLimitMs'>;
}

const log = createLogger({ level: process.env.TEST_LOG === '1' ? 'debug' : 'fatal', plain: true });

export function startRuntime({
  db,
  redis,
  tasks,
  queues = ['fast_tasks'],
  slots = 4,
  window: limits = {},
  workerClass = 'async',
  hosts,
  onLost = () => undefined,
  lostAfterMs,
  watchdog,
  consumer: consumerOptions = {},
}: TestRuntimeOptions): TestRuntime {
  const target = redis.targets.broker;
  const producing = connectRedis(target, 'producer', log);
  const consuming = connectRedis(target, 'consumer', log);
  const broker = new Broker(producing, log);
  const registry = createRegistry(tasks);
  const window = new Window({ size: 5000, isolatedPerTenant: 5000, rates: noRates, ...limits });
  const enqueuer = createEnqueuer({ db, broker, registry, window, log });
  const executor = createExecutor({
    workerClass,
    db,
    enqueuer,
    hosts,
    onLost: ({ task }) => onLost(task),
    lostAfterMs,
    watchdog,
    log,
  });
  const relay = startRelay({ db, broker, window, log });
  const consumer = new Consumer({
    db,
    connection: consuming,
    registry,
    executor,
    queues,
    slots,
    worker: 'test',
    defaultTenantId,
    metrics: createRuntimeMetrics(new Registry()),
    log,
    onLed: relay.nudge,
    ...consumerOptions,
  });
  consumer.start();
  const notDurable = new NotDurableTasks(broker);
  const watcher = new TaskWatcher(db, notDurable, log);
  const loops = [relay, ...startReconciler(db, broker, log)];
  return {
    enqueuer,
    broker,
    consumer,
    watcher,
    notDurable,
    limits: window.limits,
    async ended(id, withinMs = 20_000) {
      const row = await watcher.untilTerminal(id, withinMs);
      if (!row?.finished_at) throw new Error(`task ${id} is ${row?.status ?? 'unknown'} after ${withinMs} ms`);
      return row;
    },
    drain: (graceMs) => consumer.stop(graceMs),
    sever() {
      producing.disconnect();
      consuming.disconnect();
    },
    async [Symbol.asyncDispose]() {
      await watcher.stop();
      await consumer.stop(0);
      await executor.close();
      await Promise.all(loops.map((loop) => loop.stop()));
      await broker.close();
      producing.disconnect();
      consuming.disconnect();
    },
  };
}
