/** Mode `all`: its worker process, from the first moment of a start to the end. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Config } from '../config/config.ts';
import type { RedisTargets } from '../config/redis-target.ts';
import type { Database } from '../db/index.ts';
import type { DataFolder } from '../embedded/data-folder.ts';
import { endLeftWorker, forgetNotedWorker, noteWorker } from '../embedded/left-worker.ts';
import type { Broker, LiveSink } from '../runtime/index.ts';
import type { Logger } from '../telemetry/logger.ts';
import { DeadWorkers } from './dead-workers.ts';
import { Supervisor, workerEntry } from './supervisor.ts';
import { MetricsWithWorker } from './worker-view.ts';

export interface Supervised {
  readonly supervisor: Supervisor;
  readonly metrics: MetricsWithWorker;
  /** Lets the worker begin; resolves when it works. @throws StartError */
  readonly serve: (ground: SupervisedGround) => Promise<void>;
}

export interface SupervisedGround {
  readonly db: Database;
  readonly broker: Broker;
  readonly live: LiveSink;
  readonly targets: RedisTargets;
  /** Told when a task may be due that waited for another one, or that a dead worker held. */
  readonly onDue: () => void;
  readonly stack: AsyncDisposableStack;
}

/**
 * Whether the worker process may load its code while the database is opened. Not where that is first made, which takes most
 * of the memory that a start may take.
 */
export const startsBesideDatabase = (config: Config, folder: DataFolder): boolean =>
  config.database !== undefined || existsSync(join(folder.database, 'PG_VERSION'));

/** Ends the worker process that a killed run left, and starts the new one: it loads its code while the rest is opened. */
export async function superviseWorker(
  config: Config,
  folder: DataFolder,
  stack: AsyncDisposableStack,
  log: Logger,
): Promise<Supervised> {
  const left = await endLeftWorker(folder.path, workerEntry, log);
  const supervisor = new Supervisor({ home: folder.path, graceMs: config.graceMs, log });
  // for a start that fails before there is anything to drain
  stack.defer(() => supervisor.stop());
  const metrics = new MetricsWithWorker(supervisor);
  const serve = async ({ db, broker, live, targets, onDue, stack: opened }: SupervisedGround) => {
    const dead = new DeadWorkers({ db, broker, live, log, onGivenBack: onDue });
    // a database of one's own is taken over as a whole; in one that others share, what the worker of the killed run held
    if (left && config.database) void dead.giveBack({ owner: left.owner, overdue: [] });
    opened.defer(async () => {
      await supervisor.stop();
      await forgetNotedWorker(folder.path);
    });
    await supervisor.serve({
      db,
      // beside Postgres it is a worker like any other, with connections of its own
      lent: config.database === undefined,
      redis: config.redis === undefined ? privateRedis(targets) : undefined,
      dead,
      onLed: onDue,
      note: (child) => noteWorker(folder.path, child),
      onDeath: () => metrics.died(),
    });
  };
  return { supervisor, metrics, serve };
}

function privateRedis({ broker }: RedisTargets): { host: string; port: number; password: string } {
  if (broker.topology !== 'standalone') throw new Error('the private redis is one server');
  return { host: broker.host, port: broker.port, password: broker.password ?? '' };
}
