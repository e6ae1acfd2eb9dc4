/** Real faults of Postgres, of the storage and of the embedding endpoint: each is named with its cause and how to mend it. */
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { queuesOfPool } from '../../../worker/queues.ts';
import { postgresServer, type RunningPostgres, type SuiteDatabase } from '../../harness/postgres.ts';
import { type RunningRedis, redisServer } from '../../harness/redis.ts';
import { migrated, on } from './databases.ts';
import { databaseEnvironment, type Environment, endsWithinMs, examine, runDoctor, storageFolder } from './setup.ts';

const reserved = 3;
const maxConnections = 25;

let postgres: RunningPostgres;
let database: SuiteDatabase;
let redis: RunningRedis;
const storage = storageFolder();
beforeAll(async () => {
  postgres = await postgresServer.start({ settings: { max_connections: String(maxConnections) } });
  database = await migrated(postgres);
  redis = await redisServer.start();
});
afterAll(async () => {
  await postgres?.[Symbol.asyncDispose]();
  await redis?.[Symbol.asyncDispose]();
  storage[Symbol.dispose]();
});

/** An API of five connections, and a worker that has four more beside its pool: a child's three, and the watchdog's. */
const environment = (more: Environment = {}): Environment => ({
  MODE: 'worker',
  ...redis.environment,
  ...databaseEnvironment(database),
  SQLALCHEMY_POOL_SIZE: '4',
  SQLALCHEMY_MAX_OVERFLOW: '1',
  CELERY_WORKER_AMOUNT: '1',
  ...storage.environment,
  ...more,
});

describe('postgres', () => {
  it('should be without fault as it is', async () => {
    expect(await examine(environment())).toMatchObject({ code: 0, findings: [] });
  });

  it('should name a password or a database that is wrong', async () => {
    const password = await examine(environment({ DB_PASSWORD: 'wrong' }));
    expect(password).toMatchObject({ code: 1, codes: ['database_refused'] });
    expect(password.findings[0]?.message).toContain(`127.0.0.1:${postgres.port}`.replace('127.0.0.1', postgres.host));
    expect(password.findings[0]?.mend).toContain('DB_PASSWORD');
    const missing = await examine(environment({ DB_DATABASE: 'nobody_made_it' }));
    expect(missing).toMatchObject({ code: 1, codes: ['database_missing'] });
    expect(missing.findings[0]?.mend).toContain('DB_DATABASE');
  });

  it('should name migrations that are missing: a fault only where nobody would apply them', async () => {
    await using bare = await postgres.createDatabase();
    const applied = await examine(environment({ DB_DATABASE: bare.name }));
    expect(applied).toMatchObject({ code: 0, status: 'warning' });
    expect(applied.codes).toEqual(['migrations_missing', 'pgvector_not_created']);
    const left = await examine(environment({ DB_DATABASE: bare.name, MIGRATION_ENABLED: 'false' }));
    expect(left.code).toBe(1);
    const finding = left.findings.find(({ code }) => code === 'migrations_missing');
    expect(finding?.message).toMatch(/are missing: 0001_ledger, 0002_knowledge/);
    expect(finding?.mend).toBe('Run MODE=migrate once.');
    const gate = await examine(environment({ DB_DATABASE: bare.name, MIGRATION_ENABLED: 'false' }), '--before-start');
    expect(gate).toMatchObject({ code: 0, codes: ['migrations_missing', 'pgvector_not_created'] });
  });

  it.each([[[]], [['--before-start']]])('should name a role that may not migrate: %o', async (options) => {
    await using bare = await postgres.createDatabase();
    await on(bare, (db) => db.query(`create role reader login password 'a-password-of-a-reader'`));
    const report = await examine(
      environment({ DB_DATABASE: bare.name, DB_USERNAME: 'reader', DB_PASSWORD: 'a-password-of-a-reader' }),
      ...options,
    );
    await on(bare, (db) => db.query('drop role reader'));
    expect(report.code).toBe(1);
    expect(report.codes).toContain('migrations_forbidden');
  });

  it('should name a migration that has changed, and a later release', async () => {
    await using other = await migrated(postgres);
    await on(other, async (db) => {
      await db.query(`update millrace_migrations set sha256 = 'another' where version = 1`);
      await db.query(`insert into millrace_migrations (version, name, sha256) values (9999, 'later', 'x')`);
    });
    const report = await examine(environment({ DB_DATABASE: other.name }));
    expect(report).toMatchObject({ code: 1, codes: ['migration_changed', 'migrations_newer'] });
    expect(report.findings.map(({ message }) => message).join()).toMatch(/0001_ledger.*9999/);
  });

  it('should find nothing in commits of others that do not wait for the disk: ours do', async () => {
    await on(database, (db) => db.query('alter role millrace set synchronous_commit = off'));
    const report = await examine(environment());
    await on(database, (db) => db.query('alter role millrace reset synchronous_commit'));
    expect(report).toMatchObject({ code: 0, codes: [] });
  });

  it('should say that no connection is left', async () => {
    await on(database, (db) => db.query(`create role guest login password 'a-password-of-a-guest'`));
    const clients = Array.from({ length: maxConnections - reserved }, () => {
      const client = new pg.Client({ connectionString: database.url });
      client.on('error', () => undefined);
      return client;
    });
    await Promise.all(clients.map((client) => client.connect()));
    const report = await examine(environment({ DB_USERNAME: 'guest', DB_PASSWORD: 'a-password-of-a-guest' }));
    await Promise.all(clients.map((client) => client.end()));
    expect(report).toMatchObject({ code: 1, codes: ['database_full'] });
    expect(report.findings[0]?.mend).toContain('max_connections');
  });

  it('should hold its limit against the connection budget', async () => {
    const many = await examine(environment({ MILLRACE_API_REPLICAS: '2' }));
    expect(many).toMatchObject({ code: 0, codes: ['connections_many'] });
    expect(many.findings[0]?.message).toContain(`may open 19 connections`);
    expect(many.findings[0]?.message).toContain(`room for ${maxConnections - reserved}: 86 % of it.`);
    const tooMany = await examine(environment({ MILLRACE_WORKER_REPLICAS: '2' }));
    expect(tooMany).toMatchObject({ code: 1, codes: ['connections_too_many'] });
    expect(tooMany.findings[0]?.mend).toContain('SQLALCHEMY_POOL_SIZE');
  });

  it('should end in time and say so when it is away', async () => {
    await postgres.stop();
    const { code, stdout, ms } = await runDoctor(environment());
    await postgres.startAgain();
    expect(code).toBe(1);
    expect(ms).toBeLessThan(endsWithinMs);
    expect(stdout).toMatch(/^fault database_(unreachable|silent): The Postgres at /m);
    expect(stdout).toMatch(/^unseen {2}connection budget: limit of the postgres/m);
  });
});

describe('without fsync', () => {
  it('should be a fault', async () => {
    await using careless = await postgresServer.start({ settings: { fsync: 'off', full_page_writes: 'off' } });
    await using bare = await migrated(careless);
    const report = await examine(environment(databaseEnvironment(bare)));
    expect(report).toMatchObject({ code: 1, codes: ['postgres_fsync_off', 'postgres_torn_pages'] });
  });
});

describe('the consumers of queues', () => {
  it('should name the queues in which tasks wait for a worker that nobody started, and those that have none either', async () => {
    await using other = await migrated(postgres);
    const ofOther = environment({ DB_DATABASE: other.name });
    const told = async () => (await examine(ofOther)).about('consumers of the queues')[0];
    expect(await told()).toMatchObject({ status: 'ok', found: '0 live workers take from 0 of 18 queues' });
    await on(other, async (db) => {
      await db.query(
        `insert into tasks_live (id, tenant_id, name, queue, status, priority, payload)
         select gen_random_uuid(), gen_random_uuid(), 'sample_noop', queue, status, 5, '{}'
           from (values ('mail', 'PENDING'), ('dataset', 'QUEUED'), ('fast_tasks', 'PENDING')) as t (queue, status)`,
      );
      await db.query(
        `insert into workers (id, name, mode, queues, slots) values (gen_random_uuid(), 'w', 'worker', $1::text[], 1)`,
        [queuesOfPool('ai')],
      );
    });
    const checked = await told();
    expect(checked).toMatchObject({ status: 'fault', found: '1 live worker takes from 2 of 18 queues' });
    expect(checked?.findings.map(({ code }) => code)).toEqual(['queues_stuck', 'queues_untaken']);
    expect(checked?.findings[0]?.message).toContain('the queues dataset, mail, and');
    expect(checked?.facts).toMatchObject({ pools_untaken: ['interactive', 'ingest', 'background'] });
    expect(await examine(ofOther, '--before-start')).toMatchObject({ code: 0, codes: [] });
  });
});

describe('storage', () => {
  it('should be named when it cannot be written', async () => {
    const file = join(storage.environment.OPENDAL_FS_ROOT ?? '', 'a-file');
    writeFileSync(file, 'in its place');
    const report = await examine(environment({ OPENDAL_FS_ROOT: file }));
    expect(report).toMatchObject({ code: 1 });
    expect(report.about('storage')[0]?.findings[0]?.mend).toContain('OPENDAL');
  });

  it('should not be made by looking', async () => {
    const report = await examine(
      environment({ OPENDAL_FS_ROOT: join(storage.environment.OPENDAL_FS_ROOT ?? '', 'later') }),
    );
    expect(report.about('storage')[0]).toMatchObject({ status: 'ok', found: expect.stringContaining('not there yet') });
    expect(report.code).toBe(0);
  });
});

describe('the embedding endpoint', () => {
  const endpointOf = (baseUrl: string) =>
    environment({
      MILLRACE_EMBEDDING_PROVIDER: 'openai_compatible',
      MILLRACE_EMBEDDING_BASE_URL: baseUrl,
      MILLRACE_EMBEDDING_MODEL: 'any',
      MILLRACE_EMBEDDING_DIMENSIONS: '8',
      OPENAI_API_KEY: 'a-key-that-is-not-sent',
    });

  it('should be asked whether it speaks HTTP, and not to embed', async () => {
    const asked: { method: string | undefined; headers: IncomingHttpHeaders }[] = [];
    const endpoint = createServer(({ method, headers }, response) => {
      asked.push({ method, headers });
      response.writeHead(asked.length === 1 ? 404 : 502).end();
    });
    endpoint.listen(0, '127.0.0.1');
    await once(endpoint, 'listening');
    // a server that listens on TCP has such an address
    const { port } = endpoint.address() as AddressInfo;
    const well = await examine(endpointOf(`http://127.0.0.1:${port}/v1`));
    const unwell = await examine(endpointOf(`http://127.0.0.1:${port}/v1`));
    endpoint.closeAllConnections();
    endpoint.close();
    expect(well).toMatchObject({ code: 0, codes: [] });
    expect(well.about('embedding')[0]?.facts).toMatchObject({ http_status: 404 });
    expect(unwell).toMatchObject({ code: 0, codes: ['embedding_unwell'] });
    expect(asked.map(({ method }) => method)).toEqual(['GET', 'GET']);
    expect(asked[0]?.headers.authorization).toBeUndefined();
  });

  it('should be named when nothing answers there', async () => {
    const report = await examine(endpointOf('http://127.0.0.1:9/v1'));
    expect(report).toMatchObject({ code: 1, codes: ['embedding_unreachable'] });
    expect(report.findings[0]?.mend).toContain('MILLRACE_EMBEDDING_BASE_URL');
  });
});

describe('a configuration that is wrong', () => {
  it('should be told with exit code 78 before anything is tried', async () => {
    const { code, stdout, stderr } = await runDoctor(environment({ CELERY_QUEUES: 'nosuch' }));
    expect(code).toBe(78);
    expect(stdout).toBe('');
    expect(stderr).toMatch(/^millrace: config_invalid: [\s\S]*no such queue: nosuch/);
  });
});
