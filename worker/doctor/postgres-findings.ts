/** What is wrong with a Postgres, judged by what it says of itself. */
import { judgeClock } from './clock.ts';
import type { MigrationState, PostgresFacts } from './postgres-facts.ts';
import { type Fact, type Finding, fault, warning } from './report.ts';
import { plural } from './units.ts';

/** What the tests run on. */
const testedMajor = 17;
/** `synchronous_commit` that waits for the disk of the server itself, or for more. */
const waitsForDisk = new Set(['on', 'local', 'remote_write', 'remote_apply']);
/** Of `max_connections`: connections of all users now. */
const busyShare = 0.9;

/** @param migrates whether this process brings the schema up to date itself. */
export function judgePostgres(at: string, facts: PostgresFacts, migrates: boolean): Finding[] {
  return [
    ...judgeServer(at, facts),
    ...judgeDurability(at, facts),
    ...judgeVector(at, facts),
    ...judgeMigrations(facts.migrations, migrates, facts.mayCreate),
    ...judgeClock(`the Postgres at ${at}`, facts.clock),
  ];
}

function judgeServer(at: string, facts: PostgresFacts): Finding[] {
  const findings: Finding[] = [];
  if (Math.floor(facts.versionNumber / 10_000) < testedMajor)
    findings.push(
      warning(
        'postgres_old',
        `The Postgres at ${at} is version ${facts.version}; Millrace is tested on ${testedMajor}.`,
        `Upgrade it to ${testedMajor} or later.`,
      ),
    );
  if (facts.standby)
    findings.push(
      fault(
        'postgres_standby',
        `The Postgres at ${at} is a standby, and takes no writes.`,
        'Point DB_HOST at the primary.',
      ),
    );
  if (facts.connections > facts.maxConnections * busyShare)
    findings.push(
      warning(
        'postgres_busy',
        `${facts.connections} of the ${facts.maxConnections} connections of the Postgres at ${at} are taken; when all are, tasks are refused.`,
        'Look in pg_stat_activity who holds them, or raise max_connections.',
      ),
    );
  return findings;
}

function judgeDurability(at: string, { fsync, fullPageWrites, synchronousCommit }: PostgresFacts): Finding[] {
  const findings: Finding[] = [];
  if (fsync !== 'on')
    findings.push(
      fault(
        'postgres_fsync_off',
        `The Postgres at ${at} does not wait for its disk (fsync off): a power cut can damage the whole database, accepted tasks included.`,
        'Set fsync = on.',
      ),
    );
  if (fullPageWrites !== 'on')
    findings.push(
      warning(
        'postgres_torn_pages',
        `The Postgres at ${at} writes no full pages (full_page_writes off): a power cut can damage pages unless its disk writes them whole.`,
        'Set full_page_writes = on.',
      ),
    );
  if (!waitsForDisk.has(synchronousCommit))
    findings.push(
      fault(
        'postgres_async_commit',
        `The Postgres at ${at} answers commits before they are on its disk (synchronous_commit ${synchronousCommit}): tasks that were accepted in the last moments before a crash are lost.`,
        'Set synchronous_commit = on, for the server or at least for this role: ALTER ROLE … SET synchronous_commit = on.',
      ),
    );
  return findings;
}

function judgeVector(at: string, { pgvector, pgvectorAvailable }: PostgresFacts): Finding[] {
  if (pgvector !== undefined) return [];
  if (pgvectorAvailable !== undefined)
    return [
      warning(
        'pgvector_not_created',
        `The extension vector is there at ${at} and not created in this database; the migrations create it.`,
        'Run MODE=migrate as a role that may, or let a superuser run: CREATE EXTENSION vector.',
      ),
    ];
  return [
    fault(
      'pgvector_missing',
      `The Postgres at ${at} has no extension vector (pgvector), and the migrations need it.`,
      'Install it on the server, as with the package postgresql-17-pgvector or the image pgvector/pgvector:pg17.',
    ),
  ];
}

/** @param migrates whether this process brings the schema up to date itself. */
export function judgeMigrations(state: MigrationState, migrates: boolean, mayCreate: boolean): Finding[] {
  const findings: Finding[] = [];
  const { missing, changed, foreign, wanted } = state;
  if (missing.length > 0) {
    const what = `${plural(missing.length, 'migration')} of ${wanted} ${missing.length === 1 ? 'is' : 'are'} missing: ${missing.join(', ')}.`;
    if (!migrates)
      findings.push(
        fault('migrations_missing', `${what} With MIGRATION_ENABLED=false nothing starts.`, 'Run MODE=migrate once.'),
      );
    else if (mayCreate)
      findings.push(
        warning(
          'migrations_missing',
          `${what} The next process that starts applies them.`,
          'Run MODE=migrate once, or just start.',
        ),
      );
    else
      findings.push(
        fault(
          'migrations_forbidden',
          `${what} Our role may make no tables.`,
          'Run MODE=migrate as a role that may: GRANT CREATE ON SCHEMA public TO ….',
        ),
      );
  }
  if (changed.length > 0)
    findings.push(
      fault(
        'migration_changed',
        `Applied with other contents than this release has: ${changed.join(', ')}.`,
        'Use the release that made this database, or bring the change as a new migration.',
      ),
    );
  if (foreign.length > 0)
    findings.push(
      warning(
        'migrations_newer',
        `A later release has migrated this database (${foreign.join(', ')}).`,
        'Finish the upgrade: run that release everywhere.',
      ),
    );
  return findings;
}

/** A line for people. */
export function postgresSummary(facts: PostgresFacts): string {
  const { missing, wanted } = facts.migrations;
  return [
    `Postgres ${facts.version}${facts.standby ? ' (standby)' : ''}`,
    facts.pgvector ? `pgvector ${facts.pgvector}` : 'no pgvector',
    `migrations ${wanted - missing.length} of ${wanted}`,
    `fsync ${facts.fsync}`,
    `synchronous_commit ${facts.synchronousCommit}`,
    `${facts.connections} of ${facts.maxConnections} connections`,
    `clock ${facts.clock.differenceMs < 0 ? '−' : '+'}${Math.abs(facts.clock.differenceMs)} ms`,
  ].join(', ');
}

/** All that was seen, for `--json`. */
export function postgresFactsJson(facts: PostgresFacts): Record<string, Fact> {
  return {
    version: facts.version,
    standby: facts.standby,
    fsync: facts.fsync,
    synchronous_commit: facts.synchronousCommit,
    full_page_writes: facts.fullPageWrites,
    max_connections: facts.maxConnections,
    reserved_connections: facts.reservedConnections,
    role_connections: facts.roleConnections ?? null,
    connections: facts.connections,
    pgvector: facts.pgvector ?? null,
    pgvector_available: facts.pgvectorAvailable ?? null,
    may_create: facts.mayCreate,
    migrations: { ...facts.migrations },
    clock_difference_ms: facts.clock.differenceMs,
    clock_uncertain_ms: facts.clock.uncertainMs,
  };
}
