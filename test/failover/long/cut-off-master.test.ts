/**
 * A master of Sentinel is cut off from its replicas, the sentinels and the workers, together with a producer that still reaches it
 * and the database: what the two tell each other must be lost to nobody.
 */
import { setTimeout as wait } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { countedSampleTasks, recoveryFrom, startLoad } from '../../harness/checker.ts';
import { databaseKinds, type TestDatabase } from '../../harness/databases.ts';
import { targetsOf } from '../../harness/redis.ts';
import type { RedisProcess } from '../../harness/redis-process.ts';
import { type RunningSentinels, sentinelServers } from '../../harness/redis-sentinel.ts';
import { startRuntime, type TestRuntime } from '../../harness/runtime.ts';

const seed = 20_261_621;
const tasks = 10_000;
const loadMs = 40_000;
const cutMs = 20_000;
const drainMs = 300_000;
const readyMs = 10_000;
/** min-replicas-max-lag (3 s), looked at once a second, and what a busy machine adds. */
const aloneSeconds = 6;
const repairSeconds = 90;
const probeMs = 50;

let database: TestDatabase;

beforeAll(async () => {
  process.stdout.write(`seed ${seed}\n`);
  database = await (await databaseKinds.pglite()).open();
});
afterAll(() => database[Symbol.asyncDispose]());

/** The producer asks the sentinels through their proxies, and hears of them by no other address. */
const asProducer = ({ environment, proxies }: RunningSentinels) => {
  const sentinels = proxies.sentinels.map(({ host, port }) => `${host}:${port}`).join(',');
  return { targets: targetsOf({ ...environment, REDIS_SENTINELS: sentinels }) };
};

/** The port of this end of its link to the master. */
function clientPortOf({ broker }: TestRuntime): number {
  const port = broker.connection instanceof Redis ? broker.connection.stream.localPort : undefined;
  if (port === undefined) throw new Error('the producer is not connected');
  return port;
}

/** Seconds for which a master goes on to take writes, and what it then says. */
async function writesUntilRefused(master: RedisProcess, from: number): Promise<{ seconds: number; refusal: string }> {
  while (Date.now() - from < cutMs) {
    try {
      await master.call('incr', '{millrace:fast_tasks}:probe');
    } catch (error) {
      return { seconds: (Date.now() - from) / 1000, refusal: String(error) };
    }
    await wait(probeMs);
  }
  return { seconds: Number.POSITIVE_INFINITY, refusal: 'none' };
}

it('should lose nothing that a producer gave a master which was cut off with it', async () => {
  const { tasks: counted, begun } = countedSampleTasks();
  await using servers = await sentinelServers.start({ proxied: true });
  await using worker = startRuntime({ db: database.db, redis: servers, tasks: counted, slots: 8 });
  await worker.broker.whenReady(readyMs);
  const before = servers.proxies.sentinels.map((proxy) => new Set(proxy.clientPorts()));
  // its consumer serves a queue that nobody uses
  await using producer = startRuntime({
    db: database.db,
    redis: asProducer(servers),
    tasks: counted,
    queues: ['mail'],
  });
  await producer.broker.whenReady(readyMs);
  const { enqueuer } = producer;
  const load = startLoad({ db: database.db, enqueuer, run: 'cut off', seed, tasks, overMs: loadMs, begun });
  await load.reached(0.25);

  const master = await servers.master();
  const producersPort = clientPortOf(producer);
  const moment = Date.now();
  servers.proxies.nodes[servers.nodes.indexOf(master)]?.blackhole({
    newLinksToo: true,
    spares: (port) => port === producersPort,
  });
  for (const [place, proxy] of servers.proxies.sentinels.entries())
    proxy.blackhole({ newLinksToo: true, spares: (port) => before[place]?.has(port) ?? false });
  const alone = await writesUntilRefused(master, moment);
  const next = await servers.newMaster(master, cutMs);
  const newMasterAfter = (Date.now() - moment) / 1000;
  await wait(Math.max(0, moment + cutMs - Date.now()));
  for (const proxy of [...servers.proxies.nodes, ...servers.proxies.sentinels]) proxy.heal();

  const verdict = await load.verdict(drainMs);
  const recovery = recoveryFrom(moment, await load.ends());
  const figures = { seed, wroteAloneFor: alone.seconds, refusal: alone.refusal, newMasterAfter, ...recovery };
  process.stdout.write(
    `sentinel, a master is cut off with a producer: ${JSON.stringify({ ...figures, ...verdict })}\n`,
  );
  const exact = { attempted: tasks, acknowledged: tasks, lost: 0, unexpected: 0, doubled: 0, active: 0, torn: 0 };
  expect(verdict).toMatchObject(exact);
  expect(next).not.toBe(master);
  expect(alone.refusal).toContain('NOREPLICAS');
  expect(alone.seconds).toBeLessThanOrEqual(aloneSeconds);
  expect(recovery.repair).toBeLessThanOrEqual(repairSeconds);
});
