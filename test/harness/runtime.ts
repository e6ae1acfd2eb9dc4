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
  createLiveMetrics,
  createRegistry,
  createRuntimeMetrics,
  type createWatchdog,
  type Enqueuer,
  type HostSettings,
  LiveHub,
  LivePublisher,
  LiveReader,
  NotDurableTasks,
  noRates,
  type RegisteredTask,
  registerWorker,
  startReconciler,
  startRelay,
  type TaskRow,
  Window,
  type WindowLimits,
} from '../../worker/runtime/index.ts';
import { defaultTenantId } from '../../worker/services/tenants/tenants.ts';
import { createLogger } from '../../worker/telemetry/logger.ts';
import { TaskEnds } from './ended.ts';

export interface TestRuntime extends AsyncDisposable {
  readonly enqueuer: Enqueuer;
  readonly broker: Broker;
  readonly consumer: Consumer;
  readonly notDurable: NotDurableTasks;
  /** Events of this runtime, and who listens to them. */
  readonly live: LivePublisher;
  readonly hub: LiveHub;
  /** What its relay goes by. */
  readonly limits: WindowLimits;
  /** What it counts. */
  readonly metrics: Registry;
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
  /** Unless told otherwise it takes from the backlog itself, as real workers do; without, all work comes as jobs. */
  readonly pulls?: boolean;
  /** Whether it is listed as a worker that pulls, as real ones are: the relays then leave the backlog to it. */
  readonly listed?: boolean;
  readonly consumer?: Pick<ConsumerOptions, 'openSource' | 'silentLimitMs' | 'reserved'>;
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
  pulls = true,
  listed = false,
  consumer: consumerOptions = {},
}: TestRuntimeOptions): TestRuntime {
  const target = redis.targets.broker;
  const producing = connectRedis(target, 'producer', log);
  const consuming = connectRedis(target, 'consumer', log);
  const broker = new Broker(producing, log);
  const registry = createRegistry(tasks);
  const window = new Window({ size: 5000, isolatedPerTenant: 5000, rates: noRates, ...limits });
  const publishing = connectRedis(redis.targets.events, 'producer', log);
  const reading = connectRedis(redis.targets.events, 'producer', log);
  const connections = [producing, consuming, publishing, reading];
  const metrics = new Registry();
  const liveMetrics = createLiveMetrics(metrics);
  const live = new LivePublisher({ connection: publishing, metrics: liveMetrics, log });
  const enqueuer = createEnqueuer({ db, broker, registry, window, live, log });
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
  const relay = startRelay({ db, broker, window, live, log });
  const consumer = new Consumer({
    db,
    connection: consuming,
    registry,
    executor,
    queues,
    slots,
    worker: 'test',
    defaultTenantId,
    metrics: createRuntimeMetrics(metrics),
    live,
    log,
    ...(pulls && { window }),
    onLed: relay.nudge,
    ...consumerOptions,
  });
  consumer.start();
  const notDurable = new NotDurableTasks(broker);
  const ends = new TaskEnds({ db, notDurable });
  const hub = new LiveHub({
    db,
    notDurable,
    openReader: (handlers) => new LiveReader({ blocking: reading, asking: publishing, ...handlers, log }),
    metrics: liveMetrics,
    log,
  });
  const loops = [relay, ...startReconciler({ db, broker, log })];
  const identity = { id: consumer.owner, name: 'test', mode: 'worker', queues, pulls };
  if (listed) loops.push(registerWorker(db, identity, consumer, log));
  return {
    enqueuer,
    broker,
    consumer,
    notDurable,
    live,
    hub,
    limits: window.limits,
    metrics,
    ended: (id, withinMs = 20_000) => ends.ended(id, withinMs),
    drain: (graceMs) => consumer.stop(graceMs),
    sever() {
      for (const connection of connections) connection.disconnect();
    },
    async [Symbol.asyncDispose]() {
      await consumer.stop(0);
      await executor.close();
      await Promise.all(loops.map((loop) => loop.stop()));
      await hub.stop();
      await live.stop();
      await broker.close();
      for (const connection of connections) connection.disconnect();
    },
  };
}
