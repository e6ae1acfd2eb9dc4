/** Both drivers, for suites that must hold on each: PGlite in memory, and a real Postgres 17 with pgvector. */
import { type Database, migrate, openPglite, openPostgres } from '../../worker/db/index.ts';
import { ensurePartitions } from '../../worker/runtime/index.ts';
import { defaultTenantId, ensureTenant } from '../../worker/services/tenants/tenants.ts';
import { postgresServer } from './postgres.ts';

export interface TestDatabase extends AsyncDisposable {
  readonly db: Database;
  /** Where another process finds it; undefined: nowhere. */
  readonly address: DatabaseAddress | undefined;
}

export interface DatabaseAddress {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly database: string;
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
        return { db, address: undefined, [Symbol.asyncDispose]: () => db.close() };
      },
      [Symbol.asyncDispose]: async () => undefined,
    };
  },
  async postgres(): Promise<DatabaseKind> {
    const server = await postgresServer.start();
    return {
      async open() {
        const database = await server.createDatabase();
        const { host, port, user, password } = server;
        const address = { host, port, user, password, database: database.name };
        const db = await prepared(
          openPostgres({
            ...address,
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
          address,
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
