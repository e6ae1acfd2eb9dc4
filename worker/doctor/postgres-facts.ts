/** What a Postgres says of itself, and what our role sees of the schema. */
import { type Queryable, readMigrations, sqlState } from '../db/index.ts';
import { type ClockReading, readClock } from './clock.ts';

export interface PostgresFacts {
  readonly version: string;
  /** `server_version_num`: 170002. */
  readonly versionNumber: number;
  /** A standby takes no writes. */
  readonly standby: boolean;
  readonly fsync: string;
  readonly synchronousCommit: string;
  readonly fullPageWrites: string;
  readonly maxConnections: number;
  /** Of these, kept for superusers and for roles with pg_use_reserved_connections. */
  readonly reservedConnections: number;
  /** Bound of our role or of the database, the lesser; undefined: none. */
  readonly roleConnections: number | undefined;
  /** Client connections now, ours included. */
  readonly connections: number;
  /** Installed in this database. */
  readonly pgvector: string | undefined;
  /** That the server could install. */
  readonly pgvectorAvailable: string | undefined;
  /** Whether our role may make tables where they go. */
  readonly mayCreate: boolean;
  readonly migrations: MigrationState;
  readonly clock: ClockReading;
}

/** Names of migrations, by what is to be said of them. */
export interface MigrationState {
  readonly wanted: number;
  readonly missing: readonly string[];
  /** Applied with other contents. */
  readonly changed: readonly string[];
  /** Applied by a later release. */
  readonly foreign: readonly number[];
}

/** How many connections there are for us all: the server's limit without what it reserves, and our role's and database's. */
export const usableConnections = (facts: ConnectionLimits): number =>
  Math.min(facts.maxConnections - facts.reservedConnections, facts.roleConnections ?? Number.POSITIVE_INFINITY);

export type ConnectionLimits = Pick<PostgresFacts, 'maxConnections' | 'reservedConnections' | 'roleConnections'>;

const limitColumns = `
  current_setting('max_connections')::int as max_connections,
  current_setting('superuser_reserved_connections')::int
    + coalesce(current_setting('reserved_connections', true)::int, 0) as reserved,
  (select rolconnlimit from pg_roles where rolname = current_user) as of_role,
  (select datconnlimit from pg_database where datname = current_database()) as of_database`;

interface LimitRow {
  readonly max_connections: number;
  readonly reserved: number;
  /** -1: none. */
  readonly of_role: number | null;
  readonly of_database: number | null;
}

const limitsOf = (row: LimitRow): ConnectionLimits => {
  const own = [row.of_role, row.of_database].filter((limit): limit is number => limit !== null && limit >= 0);
  return {
    maxConnections: row.max_connections,
    reservedConnections: row.reserved,
    roleConnections: own.length === 0 ? undefined : Math.min(...own),
  };
};

export async function readConnectionLimits(db: Queryable): Promise<ConnectionLimits> {
  const [row] = await db.query<LimitRow>(`select ${limitColumns}`);
  if (!row) throw new Error('a select without a from gave no row');
  return limitsOf(row);
}

interface SettingsRow extends LimitRow {
  readonly version: string;
  readonly version_number: number;
  readonly standby: boolean;
  readonly fsync: string;
  readonly synchronous_commit: string;
  readonly full_page_writes: string;
  readonly connections: number;
  readonly pgvector: string | null;
  readonly pgvector_available: string | null;
  readonly may_create: boolean | null;
}

const settings = `select ${limitColumns},
  current_setting('server_version') as version, current_setting('server_version_num')::int as version_number,
  pg_is_in_recovery() as standby, current_setting('fsync') as fsync,
  current_setting('synchronous_commit') as synchronous_commit, current_setting('full_page_writes') as full_page_writes,
  (select count(*)::int from pg_stat_activity where backend_type = 'client backend') as connections,
  (select extversion from pg_extension where extname = 'vector') as pgvector,
  (select default_version from pg_available_extensions where name = 'vector') as pgvector_available,
  has_schema_privilege(current_schema(), 'create') as may_create`;

/** @throws the driver's error when it cannot be reached or stops answering */
export async function readPostgresFacts(db: Queryable): Promise<PostgresFacts> {
  const [row] = await db.query<SettingsRow>(settings);
  if (!row) throw new Error('a select without a from gave no row');
  return {
    ...limitsOf(row),
    version: row.version,
    versionNumber: row.version_number,
    standby: row.standby,
    fsync: row.fsync,
    synchronousCommit: row.synchronous_commit,
    fullPageWrites: row.full_page_writes,
    connections: row.connections,
    pgvector: row.pgvector ?? undefined,
    pgvectorAvailable: row.pgvector_available ?? undefined,
    mayCreate: row.may_create ?? false,
    migrations: await readMigrationState(db),
    clock: await readClock(async () => {
      const [now] = await db.query<{ ms: number }>('select extract(epoch from clock_timestamp())::float8 * 1000 as ms');
      return Number(now?.ms);
    }),
  };
}

const undefinedTable = '42P01';

export async function readMigrationState(db: Queryable): Promise<MigrationState> {
  const ours = await readMigrations();
  const applied = await appliedMigrations(db);
  const nameOf = ({ version, name }: { version: number; name: string }) =>
    `${String(version).padStart(4, '0')}_${name}`;
  return {
    wanted: ours.length,
    missing: ours.filter(({ version }) => !applied.has(version)).map(nameOf),
    changed: ours.filter(({ version, sha256 }) => applied.has(version) && applied.get(version) !== sha256).map(nameOf),
    foreign: [...applied.keys()].filter((version) => !ours.some((migration) => migration.version === version)),
  };
}

async function appliedMigrations(db: Queryable): Promise<ReadonlyMap<number, string>> {
  try {
    const rows = await db.query<{ version: number; sha256: string }>('select version, sha256 from millrace_migrations');
    return new Map(rows.map(({ version, sha256 }) => [version, sha256]));
  } catch (error) {
    if (sqlState(error) === undefinedTable) return new Map();
    throw error;
  }
}
