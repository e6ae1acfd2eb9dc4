/** Where this process's handlers run, and what becomes of the process when one does not come back. */
import type { Config } from '../config/config.ts';
import type { Database } from '../db/index.ts';
import { createExecutor, createLeaver, createWatchdog, type Executor, type TaskRegistry } from '../runtime/index.ts';
import type { Logger } from '../telemetry/logger.ts';
import { watchMemory } from './memory-watch.ts';

const host = new URL('./task-host.worker.ts', import.meta.url);

export interface ExecutionDeps {
  readonly config: Config;
  readonly db: Database;
  readonly registry: TaskRegistry;
  /** Where the watchdog leaves word of what it kills for, where somebody reads it. */
  readonly lastWordsFd?: number | undefined;
  /** Asks for the process to be stopped and started anew. */
  readonly wearOut: (reason: string) => void;
  readonly log: Logger;
}

export function openExecutor(
  { config, db, registry, lastWordsFd, wearOut, log }: ExecutionDeps,
  stack: AsyncDisposableStack,
): Executor {
  const { workerClass, maxTasksPerChild, maxMemoryPerChildMib } = config.worker;
  // who reads its last words tells of what they say
  const events = lastWordsFd === undefined ? config.redis?.events : undefined;
  const watchdog = createWatchdog({ database: config.database, events, lastWordsFd, log });
  stack.defer(() => watchdog.close());
  const executor = createExecutor({
    workerClass,
    db,
    enqueuer: createLeaver(registry),
    hosts: { entry: host, maxTasks: maxTasksPerChild, maxMemoryMib: maxMemoryPerChildMib },
    watchdog,
    onLost: ({ task, fence }) => {
      log.error({ task, task_id: fence.id }, 'a handler does not end although its run is over');
      wearOut(`a handler of ${task} does not end`);
    },
    log,
  });
  stack.defer(() => executor.close());
  stack.use(watchMemory({ workerClass, maxMib: maxMemoryPerChildMib, wearOut }));
  return executor;
}
