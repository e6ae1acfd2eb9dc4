export {
  type Database,
  isTransientDatabaseError,
  type Queryable,
  type Row,
  type SqlValue,
  sqlState,
  type Transaction,
} from './database.ts';
export { pastDeadlocks } from './deadlock.ts';
export { lackingDatabase } from './lacking.ts';
export { borrowDatabase, type DatabaseAnswer, type DatabaseRequest, type Lender, lendDatabase } from './lent.ts';
export { migrate, readMigrations, waitForSchema } from './migrate.ts';
export { openPglite } from './pglite.ts';
export { openPostgres, type PostgresOptions } from './postgres.ts';
export { isUntrustedServer } from './tls.ts';
