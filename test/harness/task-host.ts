/** The entry point of threads and children that run the tasks of `execution-tasks.ts`. */
import { openPostgres } from '../../worker/db/index.ts';
import { createRegistry, serveHost } from '../../worker/runtime/index.ts';
import { createLogger } from '../../worker/telemetry/logger.ts';
import { executionTasks } from './execution-tasks.ts';

const log = createLogger({ level: 'fatal' });

serveHost(async (given) => {
  const db =
    given ??
    openPostgres({
      ...JSON.parse(process.env.TEST_HOST_DATABASE ?? '{}'),
      applicationName: 'millrace-test-host',
      poolMax: 3,
      acquireTimeoutMs: 10_000,
      recycleSeconds: 3600,
      statementTimeoutMs: 30_000,
      onError: () => undefined,
    });
  return { db, registry: createRegistry(executionTasks), log, close: () => db.close() };
});
