export {
  type Database,
  isTransientDatabaseError,
  type Queryable,
  type Row,
  type SqlValue,
  sqlState,
  type Transaction,
} from './database.ts';
export { migrate, readMigrations, waitForSchema } from './migrate.ts';
export { openPglite } from './pglite.ts';
export { openPostgres, type PostgresOptions } from './postgres.ts';
