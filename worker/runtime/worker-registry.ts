/** Live worker processes, by their heartbeats in the database. */
import type { Database, Queryable } from '../db/index.ts';
import { heartbeatMs, liveSeconds } from '../heartbeat.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { Consumer } from './consumer.ts';
import { type Loop, startLoop } from './loop.ts';

/** Rows of processes long gone are removed. */
const forgetSeconds = 3600;

export interface LiveWorker {
  readonly id: string;
  readonly name: string;
  readonly mode: string;
  readonly queues: readonly string[];
  readonly slots: number;
  readonly running: readonly {
    readonly id: string;
    readonly task: string;
    readonly queue: string;
    readonly seconds: number;
  }[];
  readonly started_at: Date;
  readonly seen_at: Date;
}

export interface WorkerIdentity {
  /** The owner of its claims. */
  readonly id: string;
  readonly name: string;
  readonly mode: string;
  readonly queues: readonly string[];
  /** Whether it takes from the backlog by itself, so that the relay need not hand it all over. */
  readonly pulls: boolean;
}

/** Starts the heartbeats of this process; `stop` also takes it off the list. */
export function registerWorker(db: Database, identity: WorkerIdentity, consumer: Consumer, log: Logger): Loop {
  const { id } = identity;
  const loop = startLoop({
    name: 'heartbeat',
    intervalMs: heartbeatMs,
    log,
    round: async () => {
      await db.query(
        `insert into workers (id, name, mode, queues, slots, pulls, running) values ($1, $2, $3, $4::text[], $5, $6, $7::jsonb)
         on conflict (id) do update set slots = excluded.slots, running = excluded.running, seen_at = now()`,
        [
          id,
          identity.name,
          identity.mode,
          identity.queues,
          consumer.slots.capacity,
          identity.pulls,
          JSON.stringify(consumer.running),
        ],
      );
      await db.query('delete from workers where seen_at < now() - make_interval(secs => $1)', [forgetSeconds]);
      return undefined;
    },
  });
  return {
    nudge: loop.nudge,
    async stop() {
      await loop.stop();
      try {
        await forgetWorker(db, id);
      } catch (error) {
        log.debug({ err: error }, 'this worker could not be taken off the list');
      }
    },
  };
}

/** Takes a process off the list. */
export async function forgetWorker(db: Queryable, id: string): Promise<void> {
  await db.query('delete from workers where id = $1', [id]);
}

export async function liveWorkers(db: Queryable): Promise<LiveWorker[]> {
  return db.query<LiveWorker>(
    `select id, name, mode, queues, slots, running, started_at, seen_at from workers
      where seen_at > now() - make_interval(secs => $1) order by name, started_at`,
    [liveSeconds],
  );
}
