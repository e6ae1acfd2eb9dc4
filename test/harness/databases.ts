/** Both drivers, for suites that must hold on each: PGlite in memory, and a real Postgres 17 with pgvector. */
import { type Database, migrate, openPglite, openPostgres } from '../../worker/db/index.ts';
import { ensurePartitions } from '../../worker/runtime/index.ts';
import { defaultTenantId, ensureTenant } from '../../worker/services/tenants/tenants.ts';
import { postgresServer } from './postgres.ts';

export interface TestDatabase extends AsyncDisposable {
  readonly db: Database;
}

async function prepared(db: Database): Promise<Database> {
  await migrate(db);
  await ensurePartitions(db);
  await ensureTenant(db, defaultTenantId, 'default');
  return db;
}

export interface DatabaseKind extends AsyncDisposable {
  /** A fresh, migrated database. */
  open(): Promise<TestDatabase>;
}

export const databaseKinds = {
  async pglite(): Promise<DatabaseKind> {
    return {
      async open() {
        const db = await prepared(await openPglite(undefined));
        return { db, [Symbol.asyncDispose]: () => db.close() };
      },
      [Symbol.asyncDispose]: async () => undefined,
    };
  },
  async postgres(): Promise<DatabaseKind> {
    const server = await postgresServer.start();
    return {
      async open() {
        const database = await server.createDatabase();
        const db = await prepared(
          openPostgres({
            host: server.host,
            port: server.port,
            user: server.user,
            password: server.password,
            database: database.name,
            applicationName: 'millrace-test',
            poolMax: 10,
            acquireTimeoutMs: 10_000,
            recycleSeconds: 3600,
            statementTimeoutMs: 30_000,
            onError: () => undefined,
          }),
        );
        return {
          db,
          async [Symbol.asyncDispose]() {
            await db.close();
            await database[Symbol.asyncDispose]();
          },
        };
      },
      [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
    };
  },
} as const;

export const databaseNames = Object.keys(databaseKinds) as (keyof typeof databaseKinds)[];
