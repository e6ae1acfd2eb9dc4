/** Rows that stand as handed over are looked up in Redis, many in a call. */
import { randomUUID } from 'node:crypto';
import { pino } from 'pino';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { connectRedis, type RedisConnection } from '../../../worker/redis/index.ts';
import { Broker, type Handover } from '../../../worker/runtime/index.ts';
import { type RunningRedis, redisServer } from '../../harness/redis.ts';

const log = pino({ level: 'silent' });
const queue = 'plugin' as const;

let redis: RunningRedis;
let connection: RedisConnection;
let broker: Broker;
beforeAll(async () => {
  redis = await redisServer.start();
  connection = connectRedis(redis.targets.broker, 'producer', log);
  broker = new Broker(connection, log);
  await broker.whenReady(10_000);
});
afterAll(async () => {
  await broker.close();
  connection.disconnect();
  await redis[Symbol.asyncDispose]();
});

const row = (id: string): Handover => ({
  id,
  epoch: 0,
  name: 'sample_noop',
  queue,
  tenantId: randomUUID(),
  userId: undefined,
  payload: {},
  priority: 5,
  place: 0,
});

it('should find which of many jobs Redis does not have, more than go in one call', async () => {
  const many = Array.from({ length: 450 }, () => randomUUID());
  const lost = many.filter((_, index) => index % 100 === 7);
  await broker.add(many.filter((id) => !lost.includes(id)).map(row));
  expect(await broker.missing(many.map((id) => ({ id, queue })))).toEqual(lost);
  // a queue that Redis knows nothing of
  expect(await broker.missing(lost.map((id) => ({ id, queue: 'mail' as const })))).toEqual(lost);
  expect(await broker.missing([])).toEqual([]);
});
