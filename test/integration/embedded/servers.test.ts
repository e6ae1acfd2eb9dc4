/** The same worker on servers of one's own: what is named is used, and nothing else is started. */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { z } from 'zod';
import { migrate, readMigrations } from '../../../worker/db/index.ts';
import { databaseVariables, openDatabase } from '../../harness/database-address.ts';
import { type MillraceProcess, startMillrace } from '../../harness/millrace-process.ts';
import { postgresServer, type RunningPostgres, type SuiteDatabase } from '../../harness/postgres.ts';
import { type RunningRedis, redisServer } from '../../harness/redis.ts';
import { runToEnd, send, stackTrace, task, Workshop } from './setup.ts';

const workshop = new Workshop();
let postgres: RunningPostgres;
let redis: RunningRedis;

beforeAll(async () => {
  [postgres, redis] = await Promise.all([postgresServer.start(), redisServer.start()]);
});
afterEach(() => workshop[Symbol.asyncDispose]());
afterAll(async () => {
  await redis[Symbol.asyncDispose]();
  await postgres[Symbol.asyncDispose]();
});

const onRedis = () => ({ REDIS_HOST: redis.host, REDIS_PORT: String(redis.port), REDIS_PASSWORD: redis.password });

const workerSchema = z.object({ pid: z.number() });

describe('mode all', () => {
  test('should use the Redis of REDIS_HOST and start none', async () => {
    const home = await workshop.home();
    const millrace = await workshop.start(home, onRedis());
    expect(millrace.output()).toContain(`  redis     redis ${redis.host}:${redis.port}/1`);
    expect(existsSync(join(home, 'redis', 'port'))).toBe(false);
    expect(await task(millrace.client, await send(millrace.client, 'sample_noop', {}), 20)).toMatchObject({
      status: 'COMPLETED',
    });
    const client = new Redis({ port: redis.port, password: redis.password, db: 1 });
    expect(await client.keys('{millrace:fast_tasks}:*')).not.toEqual([]);
    client.disconnect();
    expect(await millrace.stop()).toBe(0);
  });

  test('should use the Postgres of DB_HOST and make no database of its own', async () => {
    await using database = await postgres.createDatabase();
    const home = await workshop.home();
    const millrace = await workshop.start(home, { ...databaseVariables(database.address), ...onRedis() });
    expect(millrace.output()).toContain(`  database  postgres ${postgres.host}:${postgres.port}/${database.name}`);
    expect(existsSync(join(home, 'pglite'))).toBe(false);
    const id = await send(millrace.client, 'sample_noop', {});
    expect(await task(millrace.client, id, 20)).toMatchObject({ status: 'COMPLETED' });
    const db = openDatabase(database.address);
    expect(await db.query('select status from tasks_finished where id = $1', [id])).toEqual([{ status: 'COMPLETED' }]);
    await db.close();

    // its worker has connections of its own; what it holds is given back all the same
    const running = await send(millrace.client, 'sample_sleep', { ms: 1500 });
    await vi.waitFor(async () => expect((await task(millrace.client, running)).status).toBe('RUNNING'), {
      timeout: 10_000,
      interval: 20,
    });
    process.kill(workerSchema.parse(JSON.parse(await readFile(join(home, 'worker.json'), 'utf8'))).pid, 'SIGKILL');
    // long before its lease would be over
    expect(await task(millrace.client, running, 20)).toEqual({ status: 'COMPLETED', attempts: 1 });
    expect(await millrace.stop()).toBe(0);
    expect(existsSync(join(home, 'worker.json'))).toBe(false);
  });
});

describe('mode migrate', () => {
  test('should bring the schema and end with 0, also when there is nothing to do, and beside its twin', async () => {
    await using database = await postgres.createDatabase();
    const env = { MODE: 'migrate', ...databaseVariables(database.address) };
    const twins = await Promise.all([runToEnd(env), runToEnd(env)]);
    expect(twins.map(({ code }) => code)).toEqual([0, 0]);
    expect(twins.filter(({ stdout }) => stdout.includes('migrated the database'))).toHaveLength(1);
    const again = await runToEnd(env);
    expect(again.code).toBe(0);
    expect(again.stdout).toContain('the database is up to date');
  });

  test('should say what Postgres refuses, without a stack trace or the password', async () => {
    await using database = await postgres.createDatabase();
    const env = { MODE: 'migrate', ...databaseVariables(database.address) };
    for (const wrong of [{ DB_PASSWORD: 'hunter2-hunter2' }, { DB_DATABASE: 'nosuch' }]) {
      const ended = await runToEnd({ ...env, ...wrong });
      expect(ended.stderr).toContain('millrace: database_refused: ');
      expect(ended.stderr).toContain('DB_USERNAME, DB_PASSWORD and DB_DATABASE');
      expect(ended.code).toBe(78);
      expect(ended.stdout + ended.stderr).not.toMatch(stackTrace);
      expect(ended.stdout + ended.stderr).not.toContain('hunter2');
    }
  });
});

describe('the Postgres driver', () => {
  test('should refuse a query outside the transaction that is open, as PGlite does', async () => {
    await using database = await postgres.createDatabase();
    const db = openDatabase(database.address);
    try {
      await expect(db.tx(() => db.query('select 1'))).rejects.toMatchObject({ code: 'query_outside_tx' });
      await expect(db.tx(() => db.tx(async () => 1))).rejects.toMatchObject({ code: 'query_outside_tx' });
      expect(await db.query('select 1 as one')).toEqual([{ one: 1 }]);
    } finally {
      await db.close();
    }
  });

  test('should migrate once when four processes begin together', async () => {
    await using database = await postgres.createDatabase();
    const pools = [1, 2, 3, 4].map(() => openDatabase(database.address));
    try {
      const applied = await Promise.all(pools.map((db) => migrate(db)));
      const all = await readMigrations();
      expect(applied.map(({ length }) => length).sort()).toEqual([0, 0, 0, all.length]);
    } finally {
      await Promise.all(pools.map((db) => db.close()));
    }
  });
});

describe('mode worker', () => {
  let database: SuiteDatabase;
  let worker: MillraceProcess;
  let url: string;
  beforeAll(async () => {
    database = await postgres.createDatabase();
    worker = await startMillrace({ MODE: 'worker', ...databaseVariables(database.address), ...onRedis() });
    const port = /"port":(\d+),"ms":\d+,"msg":"ready"/.exec(worker.log())?.[1];
    url = `http://127.0.0.1:${port}`;
  });
  afterAll(async () => {
    await worker[Symbol.asyncDispose]();
    await database[Symbol.asyncDispose]();
  });

  const readiness = z.object({ ready: z.boolean(), checks: z.record(z.string(), z.object({ ok: z.boolean() })) });
  const readyz = async () => {
    const response = await fetch(`${url}/readyz`);
    return { status: response.status, ...readiness.parse(await response.json()) };
  };

  test('should answer on HEALTH_PORT that it lives, that it makes progress, and with its metrics', async () => {
    expect((await fetch(`${url}/healthz`)).status).toBe(200);
    expect(await readyz()).toMatchObject({
      status: 200,
      checks: { database: { ok: true }, redis: { ok: true }, consumer: { ok: true } },
    });
    const metrics = await fetch(`${url}/metrics`);
    expect(metrics.status).toBe(200);
    expect(await metrics.text()).toMatch(/^# TYPE process_cpu_seconds_total counter$/m);
    expect((await fetch(`${url}/v1/tasks`)).status).toBe(404);
  });

  test('should not be ready while Redis is away, stay alive, and be ready again when it is back', async () => {
    await redis.stop();
    try {
      await vi.waitFor(async () => expect((await readyz()).status).toBe(503), { timeout: 15_000, interval: 200 });
      expect((await readyz()).checks).toMatchObject({ redis: { ok: false }, database: { ok: true } });
      expect((await fetch(`${url}/healthz`)).status).toBe(200);
    } finally {
      await redis.startAgain();
    }
    await vi.waitFor(async () => expect((await readyz()).status).toBe(200), { timeout: 20_000, interval: 200 });
  });

  test('should refuse a health port that is taken', async () => {
    const ended = await runToEnd({
      MODE: 'worker',
      ...databaseVariables(database.address),
      ...onRedis(),
      HEALTH_PORT: new URL(url).port,
    });
    expect(ended.stderr).toContain('millrace: health_port_taken: ');
    expect(ended.code).toBe(78);
    expect(ended.stdout + ended.stderr).not.toMatch(stackTrace);
  });
});
