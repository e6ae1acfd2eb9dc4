/** The network between Millrace and Redis fails under load: links that say nothing more, links that are reset, slow links. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { databaseKinds, type TestDatabase } from '../../harness/databases.ts';
import { type ProxiedTopology, proxiedNames, startProxied } from '../../harness/proxied.ts';
import { randomOf } from '../../harness/random.ts';
import { faceFault } from '../face-fault.ts';

const seed = 20_261_421;
const tasks = 10_000;
const drainMs = 300_000;

let database: TestDatabase;

beforeAll(async () => {
  process.stdout.write(`seed ${seed}\n`);
  database = await (await databaseKinds.pglite()).open();
});
afterAll(() => database[Symbol.asyncDispose]());

/** Strikes every link that stands now; new ones work. */
const strikeLinks = (servers: ProxiedTopology, how: 'blackhole' | 'reset') => async () => {
  const links = servers.dataProxies.flatMap((proxy) => proxy.clientPorts()).length;
  expect(links).toBeGreaterThan(0);
  const at = Date.now();
  for (const proxy of servers.dataProxies) proxy[how]();
  return at;
};

it.each(proxiedNames.map((topology, place) => ({ topology, seed: seed + place })))(
  'should go on within 20 s when all links of $topology are half open',
  async ({ topology, seed }) => {
    await using servers = await startProxied(topology);
    const row = { fault: 'all links are half open', on: topology, servers, loadMs: 9000, r: 20 };
    await faceFault(database.db, { ...row, strike: strikeLinks(servers, 'blackhole') }, { seed, tasks, drainMs });
  },
);

it.each(proxiedNames.map((topology, place) => ({ topology, seed: seed + 10 + place })))(
  'should go on within 5 s when all links of $topology are reset',
  async ({ topology, seed }) => {
    await using servers = await startProxied(topology);
    const row = { fault: 'all links are reset', on: topology, servers, loadMs: 9000, r: 5 };
    await faceFault(database.db, { ...row, strike: strikeLinks(servers, 'reset') }, { seed, tasks, drainMs });
  },
);

/** A system's shortest time until it sends a packet again. */
const retransmissionMs = 200;
/** One round trip takes some 200 ms, so that a slot does four jobs a second. */
const slotsOfSlow = 96;

it('should take no job for stalled when each way takes 100 ms, 50 more or less, and one in a hundred comes late', async () => {
  await using servers = await startProxied('standalone');
  const random = randomOf(seed + 20);
  const { stalled, verdict } = await faceFault(
    database.db,
    {
      fault: '100 +- 50 ms each way, 1 % sent again (delayed by the proxy, not dropped by the kernel)',
      on: 'standalone',
      servers,
      loadMs: 12_000,
      slots: slotsOfSlow,
      // to the end
      strike: async () => {
        const slowness = { delayMs: 100, jitterMs: 50, lateShare: 0.01, lateMs: retransmissionMs, random };
        for (const proxy of servers.dataProxies) proxy.slow(slowness);
        return Date.now();
      },
    },
    { seed: seed + 20, tasks, drainMs },
  );
  expect(stalled).toBe(0);
  expect(verdict.takenAgain).toBe(0);
});
