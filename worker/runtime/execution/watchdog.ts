/**
 * Watches the loop from a thread beside it. When the loop stands still and a run on it is over its limit, the thread writes
 * the run's end over a connection of its own and kills the process: nothing else ends a handler that never yields.
 */
import type { Worker } from 'node:worker_threads';
import type { DatabaseTarget } from '../../config/config.ts';
import type { RedisTarget } from '../../config/redis-target.ts';
import type { Logger } from '../../telemetry/logger.ts';
import { startThreadOn } from './start-thread.ts';
import { type WatchedRun, WatchTable } from './watch-table.ts';
import type { WatchdogData } from './watchdog.worker.ts';

export interface Watchdog {
  /** Watches a run until disposed. */
  watch(run: WatchedRun): Disposable;
  close(): Promise<void>;
}

const thread = new URL('./watchdog.worker.ts', import.meta.url);
const beatMs = 250;
/** Small: the thread looks at numbers. What it loads for the one time that it writes fits as well. */
const resourceLimits = { maxOldGenerationSizeMb: 64, maxYoungGenerationSizeMb: 2 };

export interface WatchdogOptions {
  /** Postgres, to end the run there; undefined: the process is killed, and whoever takes its tasks over ends the run. */
  readonly database: DatabaseTarget | undefined;
  /** Where the end is told to who watches; undefined: another process tells it. */
  readonly events: RedisTarget | undefined;
  /** A file that another process reads, which then ends the run at once. */
  readonly lastWordsFd?: number | undefined;
  readonly log: Logger;
}

/** The thread is started with the first run: an idle process does not pay for it. */
export function createWatchdog({ database, events, lastWordsFd, log }: WatchdogOptions): Watchdog {
  const table = new WatchTable();
  let worker: Worker | undefined;
  let timer: NodeJS.Timeout | undefined;

  const start = () => {
    const workerData: WatchdogData = { memory: table.memory, database, events, lastWordsFd };
    worker = startThreadOn(thread, { workerData, resourceLimits });
    worker.unref();
    worker.on('error', (error) => log.error({ err: error }, 'the watchdog of the loop has ended; nothing watches it'));
    timer = setInterval(() => table.beat(), beatMs).unref();
  };

  return {
    watch(run) {
      if (!worker) start();
      return table.add(run);
    },
    async close() {
      clearInterval(timer);
      await worker?.terminate();
    },
  };
}
