/** The watchdog's thread. It loads next to nothing until it must write. */
import { writeSync } from 'node:fs';
import { workerData } from 'node:worker_threads';
import type { DatabaseTarget } from '../../config/config.ts';
import type { RedisTarget } from '../../config/redis-target.ts';
import type { Database } from '../../db/index.ts';
import { type WatchedRun, WatchTable } from './watch-table.ts';

export interface WatchdogData {
  readonly memory: SharedArrayBuffer;
  readonly database: DatabaseTarget | undefined;
  readonly events: RedisTarget | undefined;
  /** Where it leaves word of what it kills for, where there is no database to tell. */
  readonly lastWordsFd: number | undefined;
}

const tickMs = 500;
/** Ticks without a beat, counted and not timed: a process that was stopped and goes on has missed none. */
const stillTicks = 6;
/** The loop itself ends a run at its limit: what is later than this it does not. */
const overdueMs = 2000;
/** Whether or not the ledger could be told by then, the process is killed; a later takeover ends the run then. */
const writeMs = 5000;
/** Those who watch hear of it by then, or when the ledger is next asked for ends. */
const tellMs = 1000;

/** Always ours: see `createWatchdog`. */
const { memory, database, events, lastWordsFd } = workerData as WatchdogData;
const table = new WatchTable(memory);

let beats = -1;
let still = 0;
const timer = setInterval(() => {
  const now = table.beats;
  still = now === beats ? still + 1 : 0;
  beats = now;
  if (still < stillTicks) return;
  const overdue = table.overdue(Date.now() - overdueMs);
  if (overdue.length === 0) return;
  clearInterval(timer);
  void end(overdue);
}, tickMs);

async function end(overdue: readonly WatchedRun[]): Promise<void> {
  const late = new Promise((resolve) => {
    setTimeout(resolve, writeMs);
  });
  const writing = write(overdue);
  const written = await Promise.race([writing, late]).then(
    (ended) => ended !== undefined,
    () => false,
  );
  const tasks = overdue.map(({ task, fence }) => `${task} ${fence.id}`);
  const line = {
    level: 60,
    time: Date.now(),
    msg: 'a handler keeps the loop busy past its time limit; this process is killed',
    tasks,
    written,
  };
  // past the logger, which needs the loop
  writeSync(2, `${JSON.stringify(line)}\n`);
  if (written) await tell(await writing);
  process.kill(process.pid, 'SIGKILL');
}

interface Written {
  readonly db: Database;
  readonly ids: readonly string[];
}

/** Undefined: there is no database to tell. */
async function write(overdue: readonly WatchedRun[]): Promise<Written | undefined> {
  if (lastWordsFd !== undefined) writeSync(lastWordsFd, JSON.stringify(overdue));
  if (!database) return undefined;
  const [{ openPostgres }, { endOverdue }] = await Promise.all([
    import('../../db/postgres.ts'),
    import('./overdue.ts'),
  ]);
  const db = openPostgres({ ...database, applicationName: 'millrace-watchdog', poolMax: 1, onError: () => undefined });
  return { db, ids: await endOverdue(db, overdue) };
}

/** Never throws: the end is written. */
async function tell(written: Written | undefined): Promise<void> {
  if (!written || !events || written.ids.length === 0) return;
  const late = new Promise((resolve) => {
    setTimeout(resolve, tellMs);
  });
  const telling = async (target: RedisTarget) => {
    const [{ tellOnce }, { createLogger }] = await Promise.all([
      import('../live/tell-once.ts'),
      import('../../telemetry/logger.ts'),
    ]);
    const log = createLogger({ level: 'fatal' });
    await tellOnce({ events: target, db: written.db, log }, written.ids, AbortSignal.timeout(tellMs));
  };
  await Promise.race([telling(events).catch(() => undefined), late]);
}
