/** Both drivers, for suites that must hold on each: PGlite in memory, and a real Postgres 17 with pgvector. */
import { type Database, migrate, openPglite } from '../../worker/db/index.ts';
import { ensurePartitions } from '../../worker/runtime/index.ts';
import { defaultTenantId, ensureTenant } from '../../worker/services/tenants/tenants.ts';
import { type DatabaseAddress, openDatabase } from './database-address.ts';
import { postgresServer } from './postgres.ts';

export interface TestDatabase extends AsyncDisposable {
  readonly db: Database;
  /** Where another process finds it; undefined: nowhere. */
  readonly address: DatabaseAddress | undefined;
}

/** Brings an empty database to where a process of Millrace has it before its first task. */
export async function prepared(db: Database): Promise<Database> {
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
        const db = await prepared(openDatabase(database.address, { poolMax: 10 }));
        return {
          db,
          address: database.address,
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
