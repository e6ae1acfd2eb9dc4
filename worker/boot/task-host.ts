/** What a host has of its own: configuration, database, services and tasks; no Redis. */
import { type Config, readConfig } from '../config/config.ts';
import { type Database, openPostgres } from '../db/index.ts';
import { hostConnections } from '../redis/index.ts';
import type { HostParts } from '../runtime/index.ts';
import { createTasks } from '../tasks/registry.ts';
import type { Logger } from '../telemetry/logger.ts';
import { openLog } from './log.ts';
import { openServices } from './services.ts';

export async function openHost(given: Database | undefined): Promise<HostParts> {
  const config = readConfig(process.env);
  const log = openLog(config);
  const stack = new AsyncDisposableStack();
  const db = given ?? openOwn(config, log);
  stack.defer(() => db.close());
  const services = await openServices({ config, db, redis: config.redis, log }, stack, { storage: 'later' });
  return {
    db,
    registry: createTasks(services, { sampleTasks: config.sampleTasks }),
    log,
    close: () => stack.disposeAsync(),
  };
}

function openOwn({ database }: Config, log: Logger): Database {
  if (!database) throw new Error('a host was to open a database of its own, and the configuration names none');
  return openPostgres({
    ...database,
    poolMax: Math.min(hostConnections, database.poolMax),
    applicationName: 'millrace-host',
    onError: (error) => log.warn({ err: error }, 'database connection error'),
  });
}
