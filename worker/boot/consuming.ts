/** The part of a process that runs tasks: the consumer, its executor, its slots and its heartbeats. */
import { hostname } from 'node:os';
import type { Registry } from 'prom-client';
import type { Config } from '../config/config.ts';
import type { Database } from '../db/index.ts';
import { StartError } from '../errors.ts';
import type { RedisConnection } from '../redis/index.ts';
import {
  Consumer,
  createRuntimeMetrics,
  type LiveSink,
  orphanQueues,
  registerWorker,
  startAutoscale,
  type TaskRegistry,
  type Window,
} from '../runtime/index.ts';
import { defaultTenantId } from '../services/tenants/tenants.ts';
import type { Logger } from '../telemetry/logger.ts';
import { openExecutor } from './execution.ts';
import { quietAtStartMs } from './maintenance.ts';

export interface ConsumingDeps {
  readonly config: Config;
  readonly db: Database;
  /** Connections of its own for claims, ends, leases and heartbeats; left out, they share those of all. */
  readonly reserved?: Database | undefined;
  readonly registry: TaskRegistry;
  /** Of use `consumer`. */
  readonly connection: RedisConnection;
  readonly metrics: Registry;
  /** Told of what runs here. */
  readonly live: LiveSink;
  readonly log: Logger;
  /** The owner of its claims, where somebody else has to know it. */
  readonly owner?: string;
  /** See `openExecutor`. */
  readonly lastWordsFd?: number;
  /** Asks for the process to be stopped and started anew. */
  readonly wearOut: (reason: string) => void;
  /** What the relay of this process knows of the backlog; left out, all work comes through Redis. */
  readonly window?: Window;
  /** Told when a task has completed that others wait for. */
  readonly onLed: () => void;
}

export function startConsuming(deps: ConsumingDeps, stack: AsyncDisposableStack): Consumer {
  const { config, db, reserved, registry, connection, metrics, live, log, owner, lastWordsFd, wearOut, window, onLed } =
    deps;
  const { autoscale, queues, slots } = config.worker;
  const name = `${hostname()}:${process.pid}`;
  const consumer = new Consumer({
    db,
    reserved,
    connection,
    registry,
    executor: openExecutor({ config, db, registry, lastWordsFd, wearOut, log }, stack),
    queues,
    slots: autoscale?.min ?? slots,
    worker: name,
    owner,
    defaultTenantId,
    metrics: createRuntimeMetrics(metrics),
    live,
    log,
    window,
    quietMs: quietAtStartMs(config),
    onLed,
  });
  consumer.start();
  stack.defer(() => consumer.stop(config.graceMs));
  if (autoscale) {
    const loop = startAutoscale({ db, queues, limits: autoscale, consumer, log });
    stack.defer(() => loop.stop());
  }
  const identity = { id: consumer.owner, name, mode: config.mode, queues, pulls: window !== undefined };
  const heartbeat = registerWorker(reserved ?? db, identity, consumer, log);
  stack.defer(() => heartbeat.stop());
  return consumer;
}

/** A queue that tasks use and nobody consumes is where documents hang in "queuing". @throws StartError `queues_orphaned` */
export function refuseOrphans({ mode, worker }: Config, registry: TaskRegistry, log: Logger): void {
  const { pool } = worker;
  const orphans = orphanQueues(registry, worker.queues);
  if (orphans.length === 0) return;
  if (mode === 'worker') {
    log.info({ pool, queues: orphans }, 'this worker leaves queues to others');
    return;
  }
  throw new StartError({
    code: 'queues_orphaned',
    message: `${pool === undefined ? 'CELERY_QUEUES' : `MILLRACE_POOL=${pool}`} leaves out queues that tasks use, and mode ${mode} is the only consumer: ${orphans.join(', ')}.`,
    hint:
      pool === undefined
        ? 'Add them to CELERY_QUEUES, or unset it to consume all.'
        : 'Unset MILLRACE_POOL to consume all; pools are for processes in mode worker.',
  });
}
