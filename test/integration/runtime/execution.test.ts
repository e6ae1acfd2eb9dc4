import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { WorkerClass } from '../../../worker/config/config.ts';
import type { Database } from '../../../worker/db/index.ts';
import { cancelTask, type Json, readTask } from '../../../worker/runtime/index.ts';
import { defaultTenantId as tenantId } from '../../../worker/services/tenants/tenants.ts';
import { type DatabaseKind, databaseKinds, type TestDatabase } from '../../harness/databases.ts';
import { executionTasks } from '../../harness/execution-tasks.ts';
import { idsOf } from '../../harness/flow-tasks.ts';
import { type RunningRedis, redisServer } from '../../harness/redis.ts';
import { startRuntime, type TestRuntime } from '../../harness/runtime.ts';
import { until } from '../../harness/until.ts';

const entry = new URL('../../harness/task-host.ts', import.meta.url);
const maxTasks = 4;
const maxMemoryMib = 200;

let server: DatabaseKind;
let redis: RunningRedis;
beforeAll(async () => {
  server = await databaseKinds.postgres();
  redis = await redisServer.start();
});
afterAll(async () => {
  await redis[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
});

interface Where {
  readonly here: string;
  readonly pid: number;
}

const classes: readonly WorkerClass[] = ['async', 'solo', 'threads', 'prefork'];

describe.each(classes)('a worker of class %s', (workerClass) => {
  let database: TestDatabase;
  let db: Database;
  let runtime: TestRuntime;
  const lost: string[] = [];
  const hosted = workerClass === 'threads' || workerClass === 'prefork';

  beforeAll(async () => {
    database = await server.open();
    db = database.db;
    process.env.TEST_HOST_DATABASE = JSON.stringify(database.address);
    runtime = startRuntime({
      db,
      redis,
      tasks: executionTasks,
      slots: workerClass === 'solo' ? 1 : 4,
      workerClass,
      hosts: { entry, maxTasks, maxMemoryMib },
      onLost: (task) => lost.push(task),
      lostAfterMs: 300,
    });
  });
  afterAll(async () => {
    await runtime[Symbol.asyncDispose]();
    await database[Symbol.asyncDispose]();
  });

  const send = async (task: string, payload: Json = {}) => (await runtime.enqueuer.one({ task, payload, tenantId })).id;
  const where = async (id: string) => (await runtime.ended(id)).result as unknown as Where;
  const stateOf = async (id: string) => {
    const row = await readTask(db, tenantId, id);
    if (!row) throw new Error(`no task ${id}`);
    return row;
  };
  const effectsOf = async (id: string) =>
    (await db.query<{ n: number }>('select count(*)::int as n from sample_effects where task_id = $1', [id]))[0]?.n;

  it('should return the result, and run where its class says', async () => {
    const id = await send('where', { text: 'hello' });
    const row = await runtime.ended(id);
    expect(row).toMatchObject({
      status: 'COMPLETED',
      attempts: 1,
      deaths: 0,
      result: { text: 'hello', attempt: 0, tenant: tenantId },
    });
    const { here, pid } = row.result as unknown as Where;
    expect(here === `${process.pid}:0` || !here.startsWith(`${process.pid}:`)).toBe(workerClass !== 'threads');
    expect(pid === process.pid).toBe(workerClass !== 'prefork');
  });

  it('should keep code and text of an error, and retry it', async () => {
    const [plain, ours] = await Promise.all([send('fails', { how: 'error' }), send('fails', { how: 'millrace' })]);
    expect(await runtime.ended(plain)).toMatchObject({
      status: 'FAILED',
      attempts: 2,
      error: { code: 'task_error', message: 'it went wrong: deep down', attempt: 1 },
      dead_letter: true,
    });
    expect(await runtime.ended(ours)).toMatchObject({ attempts: 2, error: { code: 'odd_number' } });
  });

  it('should not retry a permanent error, nor a payload that does not fit', async () => {
    expect(await runtime.ended(await send('fails', { how: 'permanent' }))).toMatchObject({
      status: 'FAILED',
      attempts: 1,
      error: { code: 'hopeless', message: 'No retry mends this.' },
    });
    // as one that an older release accepted
    const { id } = await runtime.enqueuer.one({
      task: 'where',
      payload: {},
      tenantId,
      options: { countdownSeconds: 1 },
    });
    await db.query(`update tasks_live set payload = '{"text": 7}' where id = $1`, [id]);
    expect(await runtime.ended(id)).toMatchObject({
      status: 'FAILED',
      attempts: 1,
      error: { code: 'payload_invalid' },
    });
  });

  it('should fail a task whose result is no JSON', async () => {
    expect(await runtime.ended(await send('fails', { how: 'no_json' }))).toMatchObject({
      status: 'FAILED',
      error: { code: 'result_invalid' },
    });
  });

  it('should do effects, calls and follow-up tasks once over attempts', async () => {
    const id = await send('effects');
    const row = await runtime.ended(id);
    expect(row).toMatchObject({
      status: 'COMPLETED',
      attempts: 2,
      result: { called: { key: `${id}:call`, attempt: 0 } },
    });
    expect(await effectsOf(id)).toBe(1);
    const { followUp } = row.result as { followUp: string };
    expect(await runtime.ended(followUp)).toMatchObject({ status: 'COMPLETED', result: { text: 'followed' } });
  });

  it('should give a task of a flow the results before it, wherever it runs', async () => {
    const text = (one: string) => ({ task: 'where', payload: { text: one } });
    const { tasks } = await runtime.enqueuer.flow(
      { tenantId },
      { chain: [{ group: [text('a'), text('b')] }, { task: 'gathers', payload: {} }] },
    );
    const row = await runtime.ended(idsOf(tasks).at(-1) ?? '');
    expect(row).toMatchObject({ status: 'COMPLETED', result: { results: [{ text: 'a' }, { text: 'b' }] } });
  });

  it('should leave nothing of an effect that failed half way', async () => {
    const id = await send('half_effect');
    expect(await runtime.ended(id)).toMatchObject({ status: 'FAILED', error: { code: 'half' } });
    expect(await effectsOf(id)).toBe(0);
  });

  it('should keep progress, and stop a running task within 2 s of its cancel', async () => {
    const id = await send('heeds');
    await until('its progress', 10_000, async () => (await stateOf(id)).progress !== null);
    expect((await stateOf(id)).progress).toEqual({ step: 'waiting', fraction: 0.5 });
    const before = performance.now();
    expect(await cancelTask(db, tenantId, id, 'not wanted')).toBe(true);
    await until('no run of it', 2000, async () => runtime.consumer.running.length === 0);
    expect(performance.now() - before).toBeLessThan(2000);
    expect(await runtime.ended(id)).toMatchObject({ status: 'CANCELLED' });
  });

  it('should end a task whose limit is over as TIMED_OUT, whether it heeds its signal or not', async () => {
    const [heeding, deaf] = await Promise.all([send('heeds_limit'), send('deaf_limit')]);
    for (const id of [heeding, deaf])
      expect(await runtime.ended(id)).toMatchObject({
        status: 'TIMED_OUT',
        attempts: 1,
        deaths: 0,
        error: { code: 'time_limit' },
      });
    if (hosted) expect(lost).toEqual([]);
    else await until('word of the lost handler', 2000, async () => lost.includes('deaf_limit'));
  });

  it('should try again what was over its time limit when its policy says so, and count the attempt', async () => {
    const [heeding, deaf, always] = await Promise.all(
      ['heeds', 'deaf', 'always'].map((how) => send('late_once', { how })),
    );
    for (const id of [heeding, deaf]) {
      const row = await runtime.ended(id ?? '');
      expect(row).toMatchObject({ status: 'COMPLETED', attempts: 2, deaths: 0, result: { attempt: 1 } });
      expect(row.error_history).toMatchObject([{ code: 'time_limit', attempt: 0 }]);
    }
    const spent = await runtime.ended(always ?? '');
    expect(spent).toMatchObject({ status: 'TIMED_OUT', attempts: 2, dead_letter: true, error: { attempt: 1 } });
    expect(spent.error_history).toHaveLength(2);
  });

  it('should compute in a thread what says so, without the loop or a database', async () => {
    const [id, effect] = await Promise.all([
      send('computes', { ms: 200, effect: false }),
      send('computes', { ms: 0, effect: true }),
    ]);
    expect((await where(id)).here).toMatch(new RegExp(`^${process.pid}:[1-9]`));
    expect(await runtime.ended(effect)).toMatchObject({ status: 'FAILED', error: { code: 'task_without_database' } });
  });

  const ofHosts = () => {
    it('should kill what never yields', async () => {
      expect(await runtime.ended(await send('busy'))).toMatchObject({ status: 'TIMED_OUT', deaths: 0 });
      expect(await runtime.ended(await send('late_once', { how: 'busy' }))).toMatchObject({
        status: 'COMPLETED',
        attempts: 2,
        deaths: 0,
      });
    });

    it('should stop within 2 s of its cancel what does not heed it', async () => {
      const id = await send('deaf');
      await until('its progress', 10_000, async () => (await stateOf(id)).progress !== null);
      await cancelTask(db, tenantId, id, 'not wanted');
      await until('no run of it', 2000, async () => runtime.consumer.running.length === 0);
    });

    it('should use a host again, and replace it after so many tasks', async () => {
      const seen: string[] = [];
      for (let n = 0; n < 3 * maxTasks; n += 1) seen.push((await where(await send('where'))).here);
      const counts = [...Map.groupBy(seen, (here) => here).values()].map((runs) => runs.length);
      expect(Math.max(...counts)).toBeGreaterThan(1);
      expect(Math.max(...counts)).toBeLessThanOrEqual(maxTasks);
    });

    it('should replace a host that has grown too large when its task is done', async () => {
      const first = await where(await send('leaks', { mb: 220 }));
      const second = await where(await send('leaks', { mb: 1 }));
      expect(second.here).not.toBe(first.here);
    });

    it('should kill a host that takes twice its memory outside the heap, while neighbours go on', async () => {
      const id = await send('leaks', { mb: 2000 });
      const neighbours = await Promise.all([send('where'), send('where')]);
      const row = await runtime.ended(id, 60_000);
      expect(row).toMatchObject({ status: 'FAILED', deaths: 3, error: { code: 'deaths_exceeded' } });
      expect(row.error?.message).toMatch(/MB and was killed/);
      for (const neighbour of neighbours) expect((await runtime.ended(neighbour)).status).toBe('COMPLETED');
    });

    it('should give up a task that takes all the heap, with each death in its history', async () => {
      const row = await runtime.ended(await send('hoards'), 60_000);
      expect(row).toMatchObject({ status: 'FAILED', deaths: 3, dead_letter: true, error: { code: 'deaths_exceeded' } });
      expect(row.error_history.map(({ code }) => code)).toEqual([
        'process_died',
        'process_died',
        'process_died',
        'deaths_exceeded',
      ]);
    });

    it('should finish a task whose host died twice, counting deaths and no attempts', async () => {
      const row = await runtime.ended(await send('exits', { times: 2 }), 60_000);
      expect(row).toMatchObject({ status: 'COMPLETED', deaths: 2, attempts: 1 });
      expect(row.error_history.map(({ message }) => message).join()).toContain('exit code 7');
    });
  };
  if (hosted) describe('with hosts', ofHosts);

  it('should hand back at its end what does not end, without counting an attempt', async () => {
    const id = await send('heeds');
    await until('a run of it', 10_000, async () => runtime.consumer.running.length === 1);
    await until('its progress', 10_000, async () => (await stateOf(id)).progress !== null);
    await runtime.drain(0);
    expect(await stateOf(id)).toMatchObject({
      status: expect.stringMatching(/PENDING|QUEUED/),
      attempts: 0,
      deaths: 0,
    });
  });
});
