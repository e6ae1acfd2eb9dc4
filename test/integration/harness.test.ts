import { Redis } from 'ioredis';
import pg from 'pg';
import { describe, expect, test } from 'vitest';
import { postgresServer } from '../harness/postgres.ts';
import { redisServer } from '../harness/redis.ts';

function redisClient(url: string): Redis {
  const client = new Redis(url, { lazyConnect: true, maxRetriesPerRequest: 1, retryStrategy: () => null });
  // Without a listener ioredis prints each lost connection; the awaited command carries the error.
  client.on('error', () => undefined);
  return client;
}

describe('redisServer', () => {
  test('should ask for its password', async () => {
    await using redis = await redisServer.start();
    const stranger = redisClient(`redis://127.0.0.1:${redis.port}`);
    await expect(stranger.ping()).rejects.toThrow(/NOAUTH/);
    stranger.disconnect();
  });

  test('should keep its port and its data when stopped and started again', async () => {
    await using redis = await redisServer.start();
    const before = redisClient(redis.url);
    await before.set('key', 'kept');
    before.disconnect();

    await redis.stop();
    const whileDown = redisClient(redis.url);
    await expect(whileDown.ping()).rejects.toThrow();
    whileDown.disconnect();

    await redis.startAgain();
    const after = redisClient(redis.url);
    expect(await after.get('key')).toBe('kept');
    after.disconnect();
  });

  test('should keep what reached its log when killed', async () => {
    await using redis = await redisServer.start({ settings: { appendfsync: 'always' } });
    const before = redisClient(redis.url);
    await before.set('key', 'kept');
    await redis.kill();
    before.disconnect();
    await redis.startAgain();
    const after = redisClient(redis.url);
    expect(await after.get('key')).toBe('kept');
    after.disconnect();
  });

  test('should run beside another', async () => {
    await using one = await redisServer.start();
    await using other = await redisServer.start();
    expect(one.port).not.toBe(other.port);
  });
});

async function withClient<Result>(url: string, work: (client: pg.Client) => Promise<Result>): Promise<Result> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 5_000 });
  client.on('error', () => undefined);
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end().catch(() => undefined);
  }
}

describe('postgresServer', () => {
  test('should be Postgres 17 with pgvector, a fresh database for each suite, and outlive stop and kill', async () => {
    await using postgres = await postgresServer.start({ settings: { max_connections: '37' } });
    await using database = await postgres.createDatabase();
    await using other = await postgres.createDatabase();
    expect(database.name).not.toBe(other.name);

    await withClient(database.url, async (client) => {
      const { rows } = await client.query(
        "SELECT current_setting('server_version_num')::int / 10000 AS major, current_setting('max_connections') AS connections",
      );
      expect(rows).toEqual([{ major: 17, connections: '37' }]);
      await client.query(
        'CREATE EXTENSION vector; CREATE TABLE points (at vector(2)); INSERT INTO points VALUES ($$[1,2]$$)',
      );
    });
    await withClient(other.url, async (client) => {
      const { rows } = await client.query("SELECT to_regclass('points') AS points");
      expect(rows).toEqual([{ points: null }]);
    });

    for (const end of [postgres.stop, postgres.kill]) {
      await end();
      await expect(withClient(database.url, (client) => client.query('SELECT 1'))).rejects.toThrow();
      await postgres.startAgain();
      const { rows } = await withClient(database.url, (client) => client.query('SELECT at::text FROM points'));
      expect(rows).toEqual([{ at: '[1,2]' }]);
    }
  });
});
