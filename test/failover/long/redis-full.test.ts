/** Redis has no room left, in memory or on its disk: it refuses, nobody is told otherwise, and work goes on once there is room. */
import { closeSync, openSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { defaultTenantId as tenantId } from '../../../worker/services/tenants/tenants.ts';
import { databaseKinds, type TestDatabase } from '../../harness/databases.ts';
import { redisServer } from '../../harness/redis.ts';
import type { RedisProcess } from '../../harness/redis-process.ts';
import { until } from '../../harness/until.ts';
import { faceFault, type Ground } from '../face-fault.ts';

const seed = 20_261_521;
const tasks = 10_000;
const drainMs = 300_000;
const fullMs = 15_000;
const fillMs = 10_000;

let database: TestDatabase;

beforeAll(async () => {
  process.stdout.write(`seed ${seed}\n`);
  database = await (await databaseKinds.pglite()).open();
});
afterAll(() => database[Symbol.asyncDispose]());

/** What callers heard while there was no room. */
interface Heard {
  /** Tasks that are not durable and were accepted: they must run. */
  readonly accepted: string[];
  refused: number;
  /** Durable tasks that waited in Postgres alone, at most. */
  outbox: number;
}

/** Sends tasks that are not durable for as long as it is full, and looks at what waits in Postgres. */
async function hear({ runtime }: Ground, heard: Heard, keepFull: () => Promise<void>): Promise<void> {
  const over = Date.now() + fullMs;
  while (Date.now() < over) {
    await keepFull();
    try {
      const request = { task: 'sample_noop', payload: {}, tenantId, options: { durable: false } };
      heard.accepted.push((await runtime.enqueuer.one(request)).id);
    } catch (error) {
      expect(error).toMatchObject({ code: 'redis_unavailable' });
      heard.refused += 1;
    }
    const [row] = await database.db.query<{ n: number }>(
      `select count(*)::int as n from tasks_live where status = 'PENDING'`,
    );
    heard.outbox = Math.max(heard.outbox, row?.n ?? 0);
    await wait(200);
  }
}

/** Adds failed loudly, the outbox held, and what was accepted all the same has run. */
async function holdToWhatWasSaid({ begun }: Ground, { accepted, refused, outbox }: Heard): Promise<void> {
  process.stdout.write(`while it was full: ${JSON.stringify({ refused, accepted: accepted.length, outbox })}\n`);
  await until('what was accepted has run', drainMs, async () => accepted.every((id) => begun.has(id)));
  expect(refused).toBeGreaterThan(0);
  expect(outbox).toBeGreaterThan(0);
}

const roomBytes = 32 * 1024 * 1024;
const fillers = ['large', 'small'] as const;
const fillerBytes = { large: 1024 * 1024, small: 4096 } as const;

const usedMemory = async (server: RedisProcess) =>
  Number(/used_memory:(\d+)/.exec(String(await server.call('info', 'memory')))?.[1]);

/** Writes until the server refuses: pieces of a megabyte, then small ones. */
async function fillMemory(server: RedisProcess): Promise<void> {
  for (const size of fillers)
    for (let full = false; !full; ) {
      try {
        await server.call('rpush', `filler:${size}`, 'x'.repeat(fillerBytes[size]));
      } catch (error) {
        if (!String(error).includes('OOM')) throw error;
        full = true;
      }
    }
}

it('should refuse loudly and keep all in the outbox while the memory is full, and go on within 10 s of room', async () => {
  await using servers = await redisServer.start();
  const { server } = servers;
  const heard: Heard = { accepted: [], refused: 0, outbox: 0 };
  const strike = async (ground: Ground) => {
    await server.call('config', 'set', 'maxmemory', (await usedMemory(server)) + roomBytes);
    await hear(ground, heard, () => fillMemory(server));
    await server.call('del', ...fillers.map((size) => `filler:${size}`));
    const at = Date.now();
    await holdToWhatWasSaid(ground, heard);
    return at;
  };
  const row = { fault: 'the memory is full', on: 'standalone', servers, loadMs: 12_000, strike, r: 10 };
  await faceFault(database.db, row, { seed, tasks, drainMs });
});

const diskMib = 32;
const block = Buffer.alloc(64 * 1024, 'x');

/** Writes until there is no room for another byte. */
function fillDisk(file: string): void {
  const open = openSync(file, 'a');
  try {
    for (let bytes = block.length; bytes > 0; ) {
      try {
        writeSync(open, block, 0, bytes);
      } catch (error) {
        if (!(error instanceof Error && 'code' in error && error.code === 'ENOSPC')) throw error;
        bytes = Math.floor(bytes / 2);
      }
    }
  } finally {
    closeSync(open);
  }
}

it('should acknowledge nothing that is not kept while the disk is full, and go on within 15 s of room', async () => {
  // so that the disk is filled by the test and not by the log of changes itself
  const settings = { 'auto-aof-rewrite-min-size': '4mb', 'auto-aof-rewrite-percentage': '50' };
  await using servers = await redisServer.start({ diskMib, settings });
  const { server } = servers;
  const heard: Heard = { accepted: [], refused: 0, outbox: 0 };
  const filler = join(server.dataFolder, 'filler');
  const strike = async (ground: Ground) => {
    fillDisk(filler);
    await until('redis cannot write its log of changes', fillMs, async () =>
      String(await server.call('info', 'persistence')).includes('aof_last_write_status:err'),
    );
    await hear(ground, heard, async () => fillDisk(filler));
    rmSync(filler);
    const at = Date.now();
    await holdToWhatWasSaid(ground, heard);
    return at;
  };
  const row = { fault: 'the disk is full', on: 'standalone', servers, loadMs: 12_000, strike, r: 15 };
  await faceFault(database.db, row, { seed: seed + 1, tasks, drainMs });
});
