/**
 * A worker process with the tasks of `execution-tasks.ts`: `node execution-worker.ts`, with TEST_SETUP (JSON of
 * `WorkerSetup`). It is ready when it prints so, and drains when its standard input ends.
 */
import type { DatabaseTarget, WorkerClass } from '../../worker/config/config.ts';
import type { RedisTargets } from '../../worker/config/redis-target.ts';
import { openPostgres } from '../../worker/db/index.ts';
import { createWatchdog } from '../../worker/runtime/index.ts';
import { createLogger } from '../../worker/telemetry/logger.ts';
import { executionTasks } from './execution-tasks.ts';
import { startRuntime } from './runtime.ts';

export interface WorkerSetup {
  readonly database: DatabaseTarget;
  readonly redis: RedisTargets;
  readonly workerClass: WorkerClass;
}

const log = createLogger({ level: 'fatal' });

/** The test's own words. */
const { database, redis, workerClass } = JSON.parse(process.env.TEST_SETUP ?? '{}') as WorkerSetup;
process.env.TEST_HOST_DATABASE = JSON.stringify(database);
const db = openPostgres({ ...database, applicationName: 'millrace-test-worker', onError: () => undefined });
const runtime = startRuntime({
  db,
  redis: { targets: redis },
  tasks: executionTasks,
  workerClass,
  hosts: { entry: new URL('./task-host.ts', import.meta.url), maxTasks: 50, maxMemoryMib: 300 },
  watchdog: createWatchdog({ database, events: redis.events, log }),
});
process.stdin.resume().once('end', async () => {
  await runtime[Symbol.asyncDispose]();
  process.exit(0);
});
process.stdout.write('ready\n');
