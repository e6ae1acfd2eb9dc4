import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { StartError } from '../errors.ts';
import { poolNames, queueNames, queuesOfPool } from '../queues.ts';
import { readConfig } from './config.ts';
import type { RawEnvironment } from './environment.ts';

const folder = mkdtempSync(join(tmpdir(), 'millrace-config-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function file(name: string, content: string): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

/** The faults of an environment, one line each; empty when it is right. */
function faultsOf(env: RawEnvironment): string[] {
  try {
    readConfig(env);
    return [];
  } catch (error) {
    if (!(error instanceof StartError)) throw error;
    expect(error.code).toBe('config_invalid');
    expect(error.hint).toContain('docs/reference/environment.md');
    return error.message
      .split('\n')
      .slice(1)
      .map((line) => line.trim());
  }
}

const server = { DB_HOST: 'db.internal', DB_PASSWORD: 'db secret', REDIS_HOST: 'redis.internal' };

it('should give the embedded default for an empty environment', () => {
  expect(readConfig({})).toMatchObject({
    mode: 'all',
    home: resolve('.millrace'),
    migrate: true,
    graceMs: 30_000,
    sampleTasks: false,
    api: { host: '127.0.0.1', port: 5001, key: undefined, uploadLimitBytes: 200_000_000, rateLimit: 0 },
    healthPort: 9101,
    worker: { queues: queueNames, slots: 4 },
    redis: undefined,
    database: undefined,
    storage: { scheme: 'fs', options: { root: resolve('.millrace/storage') } },
    embedding: { provider: 'embedded', threads: 1 },
    logLevel: 'info',
    logFile: undefined,
  });
});

it('should give a frozen object', () => {
  expect(Object.isFrozen(readConfig({}))).toBe(true);
});

it('should take an empty variable for an unset one', () => {
  expect(readConfig({ DIFY_PORT: '', MILLRACE_API_KEY: '', CELERY_QUEUES: '', DB_HOST: '' })).toEqual(readConfig({}));
});

it('should listen on every address in the modes of a server, unless told otherwise', () => {
  expect(readConfig({ ...server, MODE: 'api' }).api.host).toBe('0.0.0.0');
  expect(readConfig({ ...server, MODE: 'api', DIFY_BIND_ADDRESS: '10.1.2.3' }).api.host).toBe('10.1.2.3');
});

it('should work out the database target from the names that Dify uses', () => {
  const { database } = readConfig({
    ...server,
    DB_PORT: '5433',
    DB_USERNAME: 'worker',
    DB_DATABASE: 'dify',
    SQLALCHEMY_POOL_SIZE: '7',
    SQLALCHEMY_MAX_OVERFLOW: '3',
    SQLALCHEMY_POOL_TIMEOUT: '2.5',
    SQLALCHEMY_POOL_RECYCLE: '60',
    MILLRACE_STATEMENT_TIMEOUT: '5',
  });
  expect(database).toEqual({
    host: 'db.internal',
    port: 5433,
    user: 'worker',
    password: 'db secret',
    database: 'dify',
    poolMax: 10,
    acquireTimeoutMs: 2500,
    recycleSeconds: 60,
    statementTimeoutMs: 5000,
  });
});

it('should read the CA of a Postgres with TLS, and refuse one that is not there', () => {
  expect(readConfig(server).database).not.toHaveProperty('tls');
  expect(readConfig({ ...server, MILLRACE_DB_SSL_MODE: 'verify-full' }).database?.tls).toEqual({ mode: 'verify-full' });
  const path = join(folder, 'database-ca.crt');
  const asked = { ...server, MILLRACE_DB_SSL_MODE: 'verify-ca', MILLRACE_DB_SSL_CA_CERTS: path };
  expect(faultsOf(asked)).toEqual([expect.stringContaining(`MILLRACE_DB_SSL_CA_CERTS: cannot read ${path}`)]);
  writeFileSync(path, 'PEM');
  expect(readConfig(asked).database?.tls).toEqual({ mode: 'verify-ca', ca: 'PEM' });
  expect(faultsOf({ ...server, MILLRACE_DB_SSL_MODE: 'require' })).toEqual([
    'MILLRACE_DB_SSL_MODE: expected one of disable, verify-ca, verify-full, instead got "require"',
  ]);
});

it('should rotate the log file as Dify does', () => {
  expect(readConfig({ LOG_FILE: '/app/logs/server.log' }).logFile).toEqual({
    path: '/app/logs/server.log',
    maxBytes: 20_000_000,
    backups: 5,
  });
  expect(readConfig({ LOG_FILE: '/l', LOG_FILE_MAX_SIZE: '1', LOG_FILE_BACKUP_COUNT: '2' }).logFile).toMatchObject({
    maxBytes: 1_000_000,
    backups: 2,
  });
});

it('should refuse a database that is not Postgres', () => {
  expect(faultsOf({ DB_TYPE: 'mysql' })).toEqual([
    'DB_TYPE: expected postgresql, instead got "mysql"; Millrace runs on Postgres only',
  ]);
});

it('should ask for the database and the broker in every mode but the embedded one', () => {
  expect(faultsOf({ MODE: 'worker' })).toEqual([
    'CELERY_BROKER_URL: needed in mode worker (or REDIS_HOST)',
    'DB_HOST: needed in mode worker',
  ]);
  expect(faultsOf({ MODE: 'migrate' })).toEqual(['DB_HOST: needed in mode migrate']);
  expect(faultsOf({ MODE: 'api', ...server, DB_PASSWORD: undefined })).toEqual([
    expect.stringMatching(/^DB_PASSWORD: needed with DB_HOST/),
  ]);
});

it('should refuse an API key that is short, without showing it', () => {
  const faults = faultsOf({ MILLRACE_API_KEY: 'fifteen-letters' });
  expect(faults).toEqual([
    'MILLRACE_API_KEY: expected at least 16 characters, instead got 15; openssl rand -hex 24 makes one',
  ]);
  expect(readConfig({ MILLRACE_API_KEY: 'sixteen-letters!' }).api.key).toBe('sixteen-letters!');
});

it('should refuse queues that nobody declares and name those that there are', () => {
  const faults = faultsOf({ CELERY_QUEUES: 'dataset, datasets,mial' });
  expect(faults).toHaveLength(1);
  expect(faults[0]).toContain('CELERY_QUEUES: no such queues: datasets, mial; there are');
  for (const name of queueNames) expect(faults[0]).toContain(name);
});

it('should consume each queue once, and refuse a list without any', () => {
  expect(readConfig({ CELERY_QUEUES: ' mail,dataset ,, mail' }).worker.queues).toEqual(['mail', 'dataset']);
  expect(faultsOf({ CELERY_QUEUES: ' , ' })).toEqual([expect.stringMatching(/^CELERY_QUEUES: expected at least one/)]);
});

it('should consume the queues of its pool, also where they are named in any order', () => {
  for (const pool of poolNames) {
    const { worker } = readConfig({ MILLRACE_POOL: pool });
    expect(worker).toMatchObject({ pool, queues: queuesOfPool(pool) });
    const named = readConfig({ MILLRACE_POOL: pool, CELERY_QUEUES: queuesOfPool(pool).toReversed().join(',') }).worker;
    expect(named.queues.toSorted()).toEqual(queuesOfPool(pool).toSorted());
  }
  expect(readConfig({}).worker).toMatchObject({ pool: undefined, queues: queueNames });
});

it('should refuse a pool that is none, and one whose queues are not those that are named', () => {
  expect(faultsOf({ MILLRACE_POOL: 'fast' })).toEqual([
    'MILLRACE_POOL: expected one of interactive, ingest, background, ai, instead got "fast"',
  ]);
  for (const named of ['dataset', 'dataset,pipeline,mail']) {
    expect(faultsOf({ MILLRACE_POOL: 'ingest', CELERY_QUEUES: named })).toEqual([
      `MILLRACE_POOL: expected CELERY_QUEUES to name the queues of the pool ingest (dataset, pipeline), instead got ${named.replaceAll(',', ', ')}; unset one of the two`,
    ]);
  }
});

it('should let CELERY_WORKER_AMOUNT stand before CELERY_WORKER_CONCURRENCY', () => {
  expect(readConfig({ CELERY_WORKER_CONCURRENCY: '8' }).worker.slots).toBe(8);
  expect(readConfig({ CELERY_WORKER_CONCURRENCY: '8', CELERY_WORKER_AMOUNT: '2' }).worker.slots).toBe(2);
});

it('should list what an OpenAI-compatible endpoint needs', () => {
  expect(faultsOf({ MILLRACE_EMBEDDING_PROVIDER: 'openai_compatible' })).toEqual([
    'MILLRACE_EMBEDDING_BASE_URL: needed with MILLRACE_EMBEDDING_PROVIDER=openai_compatible',
    'MILLRACE_EMBEDDING_MODEL: needed with MILLRACE_EMBEDDING_PROVIDER=openai_compatible',
    'MILLRACE_EMBEDDING_DIMENSIONS: needed with MILLRACE_EMBEDDING_PROVIDER=openai_compatible',
  ]);
  expect(
    faultsOf({
      MILLRACE_EMBEDDING_PROVIDER: 'openai_compatible',
      MILLRACE_EMBEDDING_BASE_URL: 'localhost:8080',
      MILLRACE_EMBEDDING_MODEL: 'm',
      MILLRACE_EMBEDDING_DIMENSIONS: '3',
    }),
  ).toEqual(['MILLRACE_EMBEDDING_BASE_URL: expected an http:// or https:// URL']);
});

it('should list every fault at once: of single variables, across variables, of names that do not exist', () => {
  const faults = faultsOf({
    MODE: 'worker',
    DIFY_PORT: '70000',
    LOG_LEVEL: 'LOUD',
    MIGRATION_ENABLED: 'perhaps',
    MILLRACE_HOEM: '/data',
    DB_TYPE: 'mysql',
    DB_HOST: 'db.internal',
    MILLRACE_API_KEY: 'short',
    CELERY_QUEUES: 'nosuch',
    CELERY_BROKER_URL: 'http://redis',
  });
  expect(faults.map((fault) => fault.split(':')[0]).sort()).toEqual([
    'CELERY_BROKER_URL',
    'CELERY_QUEUES',
    'DB_PASSWORD',
    'DB_TYPE',
    'DIFY_PORT',
    'LOG_LEVEL',
    'MIGRATION_ENABLED',
    'MILLRACE_API_KEY',
    'MILLRACE_HOEM',
  ]);
});

it('should not call a variable missing whose file cannot be read', () => {
  const faults = faultsOf({
    MODE: 'worker',
    ...server,
    DB_PASSWORD: undefined,
    DB_PASSWORD_FILE: join(folder, 'none'),
  });
  expect(faults).toEqual([expect.stringMatching(/^DB_PASSWORD_FILE: cannot read the file .*none \(ENOENT/)]);
});

it('should hand the options of a storage service on, also from files', () => {
  const { storage } = readConfig({
    OPENDAL_SCHEME: 's3',
    OPENDAL_S3_BUCKET: 'papers',
    OPENDAL_S3_SECRET_ACCESS_KEY_FILE: file('s3-key', 'from a file\n'),
    OPENDAL_FS_ROOT: '/not/of/s3',
  });
  expect(storage).toEqual({ scheme: 's3', options: { bucket: 'papers', secret_access_key: 'from a file' } });
  expect(faultsOf({ OPENDAL_SCHEME: 's3', OPENDAL_S3_BUCKET_FILE: join(folder, 'none') })).toEqual([
    expect.stringMatching(/^OPENDAL_S3_BUCKET_FILE: cannot read/),
  ]);
});

it('should keep files where OPENDAL_FS_ROOT says', () => {
  expect(readConfig({ OPENDAL_FS_ROOT: join(folder, 'files') }).storage.options.root).toBe(join(folder, 'files'));
  expect(readConfig({ OPENDAL_FS_ROOT_FILE: file('root', join(folder, 'other')) }).storage.options.root).toBe(
    join(folder, 'other'),
  );
  expect(readConfig({ ...server, MODE: 'worker' }).storage.options.root).toBe(resolve('storage'));
});

it('should take a failpoint for tests only', () => {
  expect(readConfig({}).failpoint).toBeUndefined();
  const test = { MILLRACE_SAMPLE_TASKS: 'true' };
  expect(readConfig({ ...test, MILLRACE_FAILPOINT: 'claimed:12' }).failpoint).toEqual({ name: 'claimed', count: 12 });
  expect(faultsOf({ MILLRACE_FAILPOINT: 'claimed:12' })).toEqual([
    expect.stringMatching(/^MILLRACE_FAILPOINT: .* set MILLRACE_SAMPLE_TASKS=true$/),
  ]);
  for (const wrong of ['claimed', 'claimed:0', 'nowhere:1', 'claimed:1:2'])
    expect(faultsOf({ ...test, MILLRACE_FAILPOINT: wrong })).toEqual([
      expect.stringMatching(/^MILLRACE_FAILPOINT: expected name:count with one of accepted, .*, instead got/),
    ]);
});

it('should never show a secret in a fault', () => {
  const secret = 'hunter2-hunter2-hunter2';
  const faults = [
    faultsOf({ MILLRACE_API_KEY: 'hunter2' }),
    faultsOf({ CELERY_BROKER_URL: `ftp://:${secret}@redis` }),
    faultsOf({ CELERY_BROKER_URL: `redis://:${secret}%zz@redis` }),
    faultsOf({ CELERY_BROKER_URL: `redis://:${secret}@redis/notadb` }),
    faultsOf({ REDIS_URL: `redis://:${secret};@redis` }),
    faultsOf({ REDIS_USE_CLUSTERS: 'true', REDIS_CLUSTERS: `redis://:${secret}@node:6379` }),
    faultsOf({ DB_PASSWORD: secret, DB_PASSWORD_FILE: file('db', secret) }),
    faultsOf({ MILLRACE_API_KEY_FILE: file('key', 'hunter2') }),
  ];
  for (const list of faults) {
    expect(list).not.toEqual([]);
    expect(list.join('\n')).not.toContain('hunter2');
  }
});

it('should set slots between CELERY_MIN_WORKERS and CELERY_MAX_WORKERS with CELERY_AUTO_SCALE, and only then', () => {
  const bounds = { CELERY_MIN_WORKERS: '2', CELERY_MAX_WORKERS: '9' };
  expect(readConfig({ ...bounds }).worker).toMatchObject({ slots: 4, autoscale: undefined });
  expect(readConfig({ ...bounds, CELERY_AUTO_SCALE: 'true' }).worker).toMatchObject({
    slots: 9,
    autoscale: { min: 2, max: 9 },
  });
  const faulty = { CELERY_AUTO_SCALE: 'true', CELERY_MIN_WORKERS: '9', CELERY_MAX_WORKERS: '2' };
  expect(faultsOf(faulty).join()).toMatch(
    /CELERY_MIN_WORKERS: expected at most CELERY_MAX_WORKERS \(2\), instead got 9/,
  );
});

it('should keep 5,000 durable jobs of a queue in Redis unless told otherwise', () => {
  expect(readConfig({}).window.size).toBe(5000);
  expect(readConfig({ MILLRACE_WINDOW: '70' }).window.size).toBe(70);
});

it('should read rates of queues and tenants, and name an entry that is none', () => {
  const { rates } = readConfig({
    MILLRACE_RATE_LIMITS: 'mail=10/s, plugin=600/m',
    MILLRACE_TENANT_RATE_LIMITS: 'mail=36/h',
  }).window;
  expect([...rates.queues]).toEqual([
    ['mail', { perSecond: 10 }],
    ['plugin', { perSecond: 10 }],
  ]);
  expect(rates.tenants.get('mail')).toEqual({ perSecond: 0.01 });
  expect(faultsOf({ MILLRACE_RATE_LIMITS: 'mial=10/s' }).join()).toMatch(
    /MILLRACE_RATE_LIMITS: .* instead got "mial=10\/s"/,
  );
});

it("should take Dify's names of worker classes, and give solo one slot", () => {
  for (const name of ['', 'gevent', 'eventlet', 'async'])
    expect(readConfig({ CELERY_WORKER_CLASS: name }).worker).toMatchObject({ workerClass: 'async', slots: 4 });
  expect(readConfig({ CELERY_WORKER_CLASS: 'solo', CELERY_WORKER_AMOUNT: '8' }).worker.slots).toBe(1);
  expect(faultsOf({ CELERY_WORKER_CLASS: 'fork' })).toEqual([
    expect.stringMatching(/^CELERY_WORKER_CLASS: expected one of/),
  ]);
});

it('should refuse threads and children beside the embedded database', () => {
  for (const workerClass of ['threads', 'prefork']) {
    expect(faultsOf({ CELERY_WORKER_CLASS: workerClass })).toEqual([
      expect.stringMatching(
        new RegExp(`^CELERY_WORKER_CLASS: ${workerClass} wants Postgres, .*set DB_HOST, or use async$`),
      ),
    ]);
    expect(readConfig({ CELERY_WORKER_CLASS: workerClass, ...server }).worker).toMatchObject({ workerClass, slots: 4 });
  }
});
