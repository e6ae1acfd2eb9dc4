/** The faults of Redis with 10,000 tasks each, and those that take too long for every day. */
import { execFile } from 'node:child_process';
import { setTimeout as wait } from 'node:timers/promises';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { databaseKinds, type TestDatabase } from '../../harness/databases.ts';
import type { RedisProcess } from '../../harness/redis-process.ts';
import { fastTasksKey, type RunningTopology } from '../../harness/topologies.ts';
import { away, type RedisFault, redisFaults, standRedisFault } from '../redis-faults.ts';

const seed = 20_261_221;
const tasks = 10_000;
const drainMs = 300_000;

const sentinelsAwayMs = 45_000;

/** Who lost its connection finds nobody to ask where the master is. Counted from the sentinels' return. */
const cutWithoutSentinels = async ({ sentinels, ...servers }: RunningTopology): Promise<number> => {
  const master = await servers.master();
  await Promise.all(sentinels.map((sentinel) => sentinel.stop()));
  await master.call('client', 'kill', 'type', 'normal');
  await wait(sentinelsAwayMs);
  await Promise.all(sentinels.map((sentinel) => sentinel.startAgain()));
  return Date.now();
};

const reshardMs = 120_000;

/** Moves slots to another master as an operator does, the one of the queue last. Counted from the end of the move. */
const moveSlots = async ({ nodes, password, master }: RunningTopology): Promise<number> => {
  const from = await master();
  const to = await otherMaster(nodes, from);
  const count = await slotsUpToTheQueues(from);
  const [fromId, toId] = await Promise.all([from, to].map((node) => node.call('cluster', 'myid')));
  const move = ['--cluster-from', fromId, '--cluster-to', toId, '--cluster-slots', count, '--cluster-yes'];
  const startedAt = Date.now();
  await promisify(execFile)('redis-cli', ['--cluster', 'reshard', `${from.host}:${from.port}`, ...move.map(String)], {
    env: { ...process.env, REDISCLI_AUTH: password },
    timeout: reshardMs,
    // a line a slot
    maxBuffer: 64 * 1024 * 1024,
  });
  const at = Date.now();
  process.stdout.write(`moved ${count} slots in ${(at - startedAt) / 1000} s\n`);
  expect((await master()).port).toBe(to.port);
  return at;
};

async function otherMaster(nodes: readonly RedisProcess[], not: RedisProcess): Promise<RedisProcess> {
  for (const node of nodes) {
    const [role] = [await node.call('role')].flat();
    if (role === 'master' && node !== not) return node;
  }
  throw new Error('the cluster has one master only');
}

/** redis-cli takes a server's slots in their order: so many make the one of the queue the last. */
async function slotsUpToTheQueues(node: RedisProcess): Promise<number> {
  const slot = Number(await node.call('cluster', 'keyslot', fastTasksKey));
  const ranges = await node.call('cluster', 'slots');
  const range = (Array.isArray(ranges) ? ranges : []).find(([from, to]) => from <= slot && slot <= to);
  if (!range) throw new Error(`no range of slots holds ${slot}`);
  return slot - Number(range[0]) + 1;
}

const longer: readonly RedisFault[] = [
  { fault: 'it is away for 60 s', topology: 'standalone', loadMs: 20_000, strike: away(60_000), r: 10, repair: 90 },
  {
    fault: 'all sentinels are away for 45 s and clients are cut',
    topology: 'sentinel',
    loadMs: 15_000,
    strike: cutWithoutSentinels,
    r: 10,
  },
  { fault: 'slots are moved', topology: 'cluster', loadMs: 12_000, strike: moveSlots, r: 10 },
];

let database: TestDatabase;

beforeAll(async () => {
  process.stdout.write(`seed ${seed}\n`);
  database = await (await databaseKinds.pglite()).open();
});
afterAll(() => database[Symbol.asyncDispose]());

it.each([...redisFaults, ...longer].map((row, place) => ({ ...row, seed: seed + place })))(
  'should lose and double none of 10,000 when $fault ($topology)',
  async ({ seed, ...fault }) => {
    await standRedisFault(database.db, fault, { seed, tasks, drainMs });
  },
);
