/** From a configuration to a running process, by mode. */
import { collectDefaultMetrics, Registry } from 'prom-client';
import { startHealthServer } from '../api/health-server.ts';
import type { Config } from '../config/config.ts';
import { StartError } from '../errors.ts';
import { describeTarget } from '../redis/index.ts';
import {
  armFailpoint,
  type Broker,
  createEnqueuer,
  createLiveMetrics,
  createMaintenanceMetrics,
  type Enqueuer,
  ensurePartitions,
  type LiveHub,
  type LiveSink,
  type Loop,
  liveWorkers,
  NotDurableTasks,
  type TaskRegistry,
  takeOverAll,
  Window,
} from '../runtime/index.ts';
import type { TaskServices } from '../services/task-services.ts';
import { defaultTenantId, ensureTenant, installDefaultKey } from '../services/tenants/tenants.ts';
import { createTasks } from '../tasks/registry.ts';
import type { Logger } from '../telemetry/logger.ts';
import { holdBudget } from './budget.ts';
import { refuseOrphans, startConsuming } from './consuming.ts';
import { announceReady, embeddedKey, withdrawAnnouncement } from './embedded-face.ts';
import { listenOn } from './listen-on.ts';
import { openHub, openPublisher } from './live.ts';
import { startMaintenance } from './maintenance.ts';
import { createReadiness } from './readiness.ts';
import { holdDataFolder, locateRedis, openBroker, openDatabase, openRedis, openWorkerDatabase } from './resources.ts';
import { prepareSchema } from './schema.ts';
import { openServices } from './services.ts';
import { startsBesideDatabase, superviseWorker } from './supervised.ts';
import { trimHeap } from './trim-heap.ts';
import { version } from './version.ts';
import { WorkerEmbedder } from './worker-embedder.ts';
import { silentQueues } from './worker-view.ts';

/** A started process. */
export interface Running {
  /** Resolves with the reason when the process should stop and be started anew. */
  readonly worn: Promise<string>;
  /** Stops taking work, finishes or hands back what runs, closes everything. */
  stop(): Promise<void>;
}

/** What the parts of a process share. */
interface Parts {
  readonly config: Config;
  readonly services: TaskServices;
  readonly broker: Broker;
  readonly registry: TaskRegistry;
  readonly enqueuer: Enqueuer;
  readonly live: LiveSink;
  readonly metrics: Registry;
  readonly log: Logger;
}

interface ApiParts extends Parts {
  readonly notDurable: NotDurableTasks;
  readonly hub: LiveHub;
}

/**
 * Starts the process that the configuration describes. Undefined: the mode has done its work and ends.
 * @throws StartError when it cannot start as it is set up; what was opened is closed again.
 */
export async function run(config: Config, log: Logger, startedAt: number): Promise<Running | undefined> {
  refuseUnbuilt(config);
  if (config.failpoint) armFailpoint(config.failpoint);
  await using stack = new AsyncDisposableStack();
  const folder = await holdDataFolder(config, stack, log);
  if (folder) await withdrawAnnouncement(folder);
  const early =
    folder && startsBesideDatabase(config, folder) ? await superviseWorker(config, folder, stack, log) : undefined;
  const { db, reserved } =
    config.mode === 'worker'
      ? await openWorkerDatabase(config, stack, log)
      : { db: await openDatabase(config, folder, stack, log) };
  await prepareSchema(config, db, log);
  await ensurePartitions(db);
  await ensureTenant(db, defaultTenantId, 'default');
  if (config.mode === 'migrate') {
    log.info('the database is up to date');
    return undefined;
  }
  const embeddedDatabase = config.database === undefined;
  // Nobody else can hold a task of a database that only this process opens.
  if (embeddedDatabase) {
    const taken = await takeOverAll(db);
    if (taken > 0) log.info({ tasks: taken }, 'took over tasks that a former run left running');
  }
  const worker = early ?? (folder && (await superviseWorker(config, folder, stack, log)));
  const targets = await locateRedis(config, folder, stack, log);
  log.info({ broker: describeTarget(targets.broker), database: db.driver }, 'starting');
  await holdBudget(config, db, log);
  const services = await openServices({ config, db, redis: targets, log }, stack, {
    storage: config.mode === 'worker' ? 'later' : 'now',
    ...(worker && { embedder: (own) => new WorkerEmbedder(worker.supervisor, own) }),
  });
  const registry = createTasks(services, { sampleTasks: config.sampleTasks });
  const broker = openBroker(targets, stack, log);
  if (config.redis === undefined) await freeJobs(broker);
  const metrics = worker?.metrics ?? new Registry();
  collectDefaultMetrics({ register: metrics });
  const window = new Window(config.window);
  const liveMetrics = createLiveMetrics(metrics);
  const { publisher: live, connection: asking } = openPublisher(targets, liveMetrics, stack, log);
  const enqueuer = createEnqueuer({ db, broker, registry, window, live, log });
  const parts: Parts = { config, services, broker, registry, enqueuer, live, metrics, log };

  const { loops, relay } = startMaintenance({
    config,
    db,
    broker,
    window,
    live,
    metrics: createMaintenanceMetrics(metrics),
    log,
  });
  deferLoops(stack, loops);
  const worn = Promise.withResolvers<string>();
  if (config.mode === 'worker' || config.mode === 'all') refuseOrphans(config, registry, log);
  const connection = config.mode === 'worker' ? openRedis(targets, 'consumer', stack, log) : undefined;
  const consumer =
    connection &&
    startConsuming(
      {
        ...{ config, db, reserved, registry, connection, metrics, live, log, window },
        wearOut: worn.resolve,
        onLed: relay.nudge,
      },
      stack,
    );
  await worker?.serve({ db, broker, live, targets, onDue: relay.nudge, stack });
  if (config.mode === 'beat' || config.mode === 'all') {
    // as the API below
    const { startBeatIn } = await import('./beat.ts');
    await startBeatIn({ config, db, enqueuer, registry, metrics, log }, stack);
  }
  const readiness = createReadiness({
    db,
    redis: worker ? broker.connection : connection,
    silentQueues: worker ? silentQueues(worker.supervisor) : consumer && (async (ms) => consumer.silentQueues(ms)),
  });

  if (config.mode === 'api' || config.mode === 'all') {
    const key = folder ? await embeddedKey(config, folder) : { secret: config.api.key, made: false };
    if (key.secret) await installDefaultKey(db, key.secret);
    else log.warn('MILLRACE_API_KEY is not set: only keys that the database holds already are let in');
    const notDurable = new NotDurableTasks(broker);
    const hub = openHub({ targets, db, notDurable, asking, metrics: liveMetrics, log }, stack);
    const url = await listen({ ...parts, notDurable, hub }, readiness, stack);
    if (folder)
      await announceReady({
        config,
        folder,
        url,
        startedAt,
        redis: targets.broker,
        newKey: key.made ? key.secret : undefined,
      });
    else log.info({ url }, 'ready');
  } else {
    const health = await startHealthServer({ host: '0.0.0.0', port: config.healthPort, readiness, metrics, log });
    stack.defer(() => health.close());
    log.info({ port: health.port, ms: Date.now() - startedAt }, 'ready');
  }
  trimHeap();
  const opened = stack.move();
  return { worn: worn.promise, stop: () => opened.disposeAsync() };
}

/** Modes of the contract that a later release fills: better refused than idle. */
function refuseUnbuilt({ mode }: Config): void {
  if (mode !== 'job') return;
  throw new StartError({
    code: 'mode_not_available',
    message: `MODE=${mode} is not part of this release.`,
    hint: 'Use api, worker, beat, migrate or all.',
  });
}

const privateRedisTimeoutMs = 5000;

/** The private Redis has no other workers: what is locked was locked by a run that is gone. */
async function freeJobs(broker: Broker): Promise<void> {
  await broker.whenReady(privateRedisTimeoutMs);
  await broker.declareStalled();
}

function deferLoops(stack: AsyncDisposableStack, loops: readonly Loop[]): void {
  stack.defer(async () => {
    await Promise.all(loops.map((loop) => loop.stop()));
  });
}

async function listen(
  { config, services, broker, registry, enqueuer, live, notDurable, hub, metrics, log }: ApiParts,
  readiness: ReturnType<typeof createReadiness>,
  stack: AsyncDisposableStack,
): Promise<string> {
  // loaded here: a process without an API does not pay for it
  const { createApi } = await import('../api/api.ts');
  const api = await createApi({
    settings: config.api,
    version,
    db: services.db,
    broker,
    enqueuer,
    registry,
    notDurable,
    live,
    hub,
    limits: config.window,
    storage: services.storage,
    embedder: services.embedder,
    vectorStore: services.vectors,
    log,
    metrics,
    readiness,
    workers: () => liveWorkers(services.db),
  });
  stack.defer(() => api.close());
  return listenOn(api, config);
}
