/** Live progress: who listens hears of everything that is theirs, and of every end whatever becomes of Redis, the API or an event. */
import { randomUUID } from 'node:crypto';
import type { AddressInfo } from 'node:net';
import { Registry } from 'prom-client';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { createApi } from '../../../worker/api/index.ts';
import { ledger } from '../../../worker/runtime/index.ts';
import { defaultTenantId } from '../../../worker/services/tenants/tenants.ts';
import { openTestHub } from '../../harness/live-hub.ts';
import { openEvents, openSocket, refusedSocket, type Told, type Where } from './live-clients.ts';
import { problem, startTestApi, type TestApi } from './setup.ts';

let t: TestApi;
beforeAll(async () => {
  t = await startTestApi();
});
afterAll(() => t?.[Symbol.asyncDispose]());

const send = async (task: string, options: object = {}, payload: object = {}): Promise<string> =>
  (await t.call({ method: 'POST', url: '/v1/tasks', payload: { task, payload, options } })).body.task_id;
const add = (options: object = {}) => send('test_add', options, { a: 2, b: 3 });
const names = (told: readonly Told[], id: string) =>
  told.filter(({ data }) => data?.task_id === id).map(({ event, data }) => `${event} ${data.status}`);
const isEnd = (id: string) => (one: Told) =>
  (one.event === 'result' || one.event === 'error') && one.data.task_id === id;

/** Another API process would be like this: its own hub and connections, the same Redis and ledger. */
async function anotherApi(): Promise<Where & AsyncDisposable> {
  const stack = new AsyncDisposableStack();
  const { hub } = stack.use(await openTestHub({ db: t.db, redis: t.redis, notDurable: t.runtime.notDurable }));
  const api = await createApi({ ...t.deps, hub, metrics: new Registry() });
  stack.defer(() => api.close());
  await api.listen({ host: '127.0.0.1', port: 0 });
  const { port } = api.server.address() as AddressInfo;
  return { port, key: t.key, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

describe('event streams', () => {
  it('should tell a tenant of all its tasks, a user of its own, another tenant of none', async () => {
    using tenant = await openEvents(t, '/v1/events');
    using user = await openEvents(t, '/v1/events?user_id=ada');
    using other = await openEvents({ ...t, key: t.otherKey }, '/v1/events');
    expect(tenant.headers).toMatchObject({ 'content-type': 'text/event-stream; charset=utf-8' });
    const hers = await send('test_gate', { user_id: 'ada' });
    const his = await add({ user_id: 'bob' });
    const failed = await send('test_fail', {}, { why: 'it had to' });
    await user.until(({ event }) => event === 'step');
    t.gate.release();
    await Promise.all([user.until(isEnd(hers)), ...[hers, his, failed].map((id) => tenant.until(isEnd(id)))]);
    expect(names(tenant.told, hers)).toEqual(['status QUEUED', 'status RUNNING', 'step RUNNING', 'result COMPLETED']);
    expect(names(user.told, hers)).toEqual(names(tenant.told, hers));
    expect(user.told.every(({ data }) => data.user_id === 'ada')).toBe(true);
    expect(tenant.told.find(isEnd(his))?.data).toMatchObject({ task: 'test_add', user_id: 'bob', result: { sum: 5 } });
    expect(tenant.told.find(isEnd(failed))?.data).toMatchObject({ status: 'FAILED', error: { message: 'it had to' } });
    expect(other.told).toEqual([]);
    const ids = tenant.told.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
  });

  it('should tell who comes later what runs, and of a task that is not durable too', async () => {
    const running = await send('test_gate', { durable: false });
    using watching = await openEvents(t, '/v1/events');
    const id = await send('test_gate');
    await watching.until(({ event, data }) => event === 'step' && data.task_id === id);
    using later = await openEvents(t, '/v1/events');
    expect((await later.until(({ data }) => data.task_id === id)).data).toMatchObject({
      status: 'RUNNING',
      progress: { step: 'waiting' },
    });
    t.gate.release();
    await Promise.all([later.until(isEnd(id)), later.until(isEnd(running))]);
    expect(later.told.find(isEnd(running))?.data).toMatchObject({ durable: false, result: 'through' });
  });

  it('should refuse another tenant, and ids that are none', async () => {
    const refused = await t.call({ url: `/v1/events?tenant_id=${randomUUID()}` });
    expect(problem(refused)).toMatchObject({ code: 'not_found', status: 404 });
    const own = await openEvents(t, `/v1/events?tenant_id=${defaultTenantId}`);
    expect(own.status).toBe(200);
    own[Symbol.dispose]();
    expect(problem(await t.call({ url: '/v1/events?last_event_id=yesterday' }))).toMatchObject({ status: 400 });
    const plain = await t.call({ url: '/v1/ws' });
    expect(problem(plain)).toMatchObject({ code: 'upgrade_required', status: 426 });
  });
});

describe('WebSockets', () => {
  it('should tell tasks, users and the tenant over one connection, each subscription by its id, until it ends', async () => {
    using client = await openSocket(t);
    expect(await client.until(({ type }) => type === 'hello')).toMatchObject({ tenant_id: defaultTenantId });
    const id = await send('test_gate', { user_id: 'eve' });
    client.say({ type: 'subscribe', id: 'task', task_id: id.toUpperCase() });
    client.say({ type: 'subscribe', id: 'user', user_id: 'eve' });
    client.say({ type: 'subscribe', id: 'all' });
    await client.until(({ subscription, data }) => subscription === 'all' && data.task_id === id);
    client.say({ type: 'unsubscribe', id: 'user' });
    await client.until(({ type }) => type === 'unsubscribed');
    t.gate.release();
    for (const subscription of ['task', 'all']) {
      const end = await client.until((one) => one.subscription === subscription && isEnd(id)(one));
      expect(end.data).toMatchObject({ status: 'COMPLETED', result: 'through', user_id: 'eve' });
    }
    expect(client.events('user').some(isEnd(id))).toBe(false);
    // one that has ended is told at once
    client.say({ type: 'subscribe', id: 'again', task_id: id });
    await client.until((one) => one.subscription === 'again' && isEnd(id)(one));
  });

  it('should refuse a task and a tenant of others, an id that is taken, and what is no message', async () => {
    const id = await add();
    using stranger = await openSocket({ ...t, key: t.otherKey });
    stranger.say({ type: 'subscribe', id: 'a', task_id: id });
    stranger.say({ type: 'subscribe', id: 'b', tenant_id: defaultTenantId });
    stranger.say({ type: 'subscribe', id: 'c' });
    stranger.say({ type: 'subscribe', id: 'c' });
    stranger.say({ type: 'subscribe', id: 'd', task_id: id, user_id: 'x' });
    stranger.say({ type: 'dance' });
    const code = async (of: string | undefined, type = 'error') =>
      (await stranger.until((one) => one.type === type && one.id === of)).code;
    expect(await code('a')).toBe('task_not_found');
    expect(await code('b')).toBe('not_found');
    await code('c', 'subscribed');
    expect(await code('c')).toBe('subscription_taken');
    expect(await code('d')).toBe('message_invalid');
    expect(await code(undefined)).toBe('message_invalid');
    await t.runtime.ended(id);
    expect(stranger.events('c')).toEqual([]);
    stranger.say('no JSON');
    expect((await stranger.closed).code).toBe(4400);
  });

  it('should let in by header or by protocol, and nobody else', async () => {
    const refused = await refusedSocket(t, {});
    expect([refused.status, JSON.parse(refused.body).code]).toEqual([401, 'key_missing']);
    expect((await refusedSocket(t, { authorization: 'Bearer nobody' })).status).toBe(401);
    using browser = await openSocket(t, { protocols: ['millrace.v1', `millrace.key.${t.key}`], headers: {} });
    await browser.until(({ type }) => type === 'hello');
    expect(browser.socket.protocol).toBe('millrace.v1');
  });

  it('should hang up when its key is revoked', async () => {
    using client = await openSocket(t);
    await client.until(({ type }) => type === 'hello');
    const revoked = t.db.query('update api_keys set revoked_at = now() where tenant_id = $1', [defaultTenantId]);
    await revoked;
    try {
      // a key is believed for 5 s without being looked up
      await vi.waitFor(
        () => {
          client.say({ type: 'subscribe', id: randomUUID() });
          expect(client.socket.readyState).not.toBe(client.socket.OPEN);
        },
        { timeout: 8000, interval: 250 },
      );
      expect((await client.closed).code).toBe(4401);
    } finally {
      await t.db.query('update api_keys set revoked_at = null where tenant_id = $1', [defaultTenantId]);
    }
  });
});

describe('what is missed', () => {
  it('should be told after a restart of the API to who says what was heard last, and nothing twice', async () => {
    const one = await anotherApi();
    using before = await openSocket(one);
    before.say({ type: 'subscribe', id: 'all' });
    const heard = await add();
    await before.until(isEnd(heard));
    const last = before.events('all').at(-1)?.id;
    expect(last).toMatch(/^\d+-\d+$/);
    const id = await send('test_gate');
    await before.until(({ event, data }) => event === 'step' && data.task_id === id);
    await one[Symbol.asyncDispose]();
    expect((await before.closed).code).toBe(1001);
    t.gate.release();
    await t.runtime.ended(id);
    const missed = await add();
    await t.runtime.ended(missed);

    await using two = await anotherApi();
    using after = await openSocket(two);
    after.say({ type: 'subscribe', id: 'all', last_event_id: last });
    await after.until(isEnd(missed));
    await after.until(isEnd(id));
    expect(names(after.events('all'), id)).toEqual([
      'status QUEUED',
      'status RUNNING',
      'step RUNNING',
      'result COMPLETED',
    ]);
    expect(after.events('all').some(({ data }) => data.task_id === heard)).toBe(false);
    expect(after.said.some(({ type }) => type === 'gap')).toBe(false);
    // the same over an event stream
    using stream = await openEvents(two, '/v1/events', { headers: { 'last-event-id': String(last) } });
    await stream.until(isEnd(missed));
    expect(stream.told.map(({ id: of }) => of)).toEqual(after.events('all').map(({ id: of }) => of));
  });

  it('should be told by the ledger when the stream does not hold it any more', async () => {
    using before = await openEvents(t, '/v1/events');
    const first = await add();
    const { id: last } = await before.until(isEnd(first));
    const second = await add();
    await before.until(isEnd(second));
    for (let shard = 0; shard < 16; shard += 1) await t.redis.server.call('del', `{millrace:events}:${shard}`);
    using after = await openEvents(t, `/v1/events?last_event_id=${last}`);
    expect((await after.until(({ event }) => event === 'gap')).data).toEqual({ complete: true });
    expect((await after.until(isEnd(second))).data).toMatchObject({ result: { sum: 5 } });
    expect(after.told[0]?.event).toBe('gap');
  });

  it('should be told within seconds when a process died between its commit and its event', async () => {
    using watching = await openSocket(t);
    watching.say({ type: 'subscribe', id: 'all' });
    // due in a moment, for a worker of ours that tells nobody
    const id = await add({ countdown: 600 });
    await watching.until(({ data }) => data?.task_id === id);
    watching.say({ type: 'subscribe', id: 'task', task_id: id });
    await watching.until(({ subscription }) => subscription === 'task');
    await t.db.query('update tasks_live set due_at = now() where id = $1', [id]);
    const [claimed] = await ledger.claimTasks(t.db, [id], randomUUID(), 'silent');
    if (!claimed) throw new Error('the task was to be claimed here');
    await ledger.completeTasks(t.db, [{ fence: claimed.fence, result: '"unheard"' }]);
    for (const subscription of ['all', 'task']) {
      const end = await watching.until((one) => one.subscription === subscription && isEnd(id)(one));
      expect(end.data.result).toBe('unheard');
    }
  });
});

describe('slow readers', () => {
  const progressOf = (taskId: string, n: number) => ({
    event: 'progress' as const,
    tenantId: defaultTenantId,
    taskId,
    userId: 'slow',
    epoch: 1,
    durable: false,
    data: JSON.stringify({ task_id: taskId, status: 'RUNNING', n, filler: 'x'.repeat(6000) }),
  });

  it('should get the newest of each task and every end once they read again, and cost a bounded amount', async () => {
    using slow = await openEvents(t, '/v1/events?user_id=slow', { reads: false });
    using quick = await openSocket(t);
    quick.say({ type: 'subscribe', id: 'slow', user_id: 'slow' });
    await quick.until(({ type }) => type === 'subscribed');
    const tasks = Array.from({ length: 20 }, () => randomUUID());
    const rounds = 100;
    for (let n = 1; n <= rounds; n += 1) {
      for (const id of tasks) t.runtime.live.publish(defaultTenantId, () => progressOf(id, n));
      // more than kernels keep for a connection, in steps that the stream holds
      if (n % 10 === 0) await quick.until(({ data }) => data?.task_id === tasks.at(-1) && data.n === n);
    }
    for (const id of tasks)
      t.runtime.live.publish(defaultTenantId, () => ({ ...progressOf(id, rounds + 1), event: 'result' as const }));
    for (const id of tasks) await quick.until(isEnd(id));
    slow.read();
    for (const id of tasks) await slow.until(isEnd(id));
    const told = slow.told.filter(({ event }) => event === 'progress').length;
    expect(told).toBeLessThan(tasks.length * rounds);
    expect(slow.told.filter(({ event }) => event === 'gap')).toEqual([]);
  });
});

describe('while Redis is away', () => {
  it('should tell every end all the same, and go on with events when it is back', async () => {
    const id = await send('test_gate');
    using task = await openEvents(t, `/v1/tasks/${id}/events`);
    using tenant = await openSocket(t);
    tenant.say({ type: 'subscribe', id: 'all' });
    await tenant.until(({ data }) => data?.task_id === id && data.progress?.step === 'waiting');
    await t.redis.kill();
    t.gate.release();
    const [end] = await Promise.all([task.until(({ event }) => event === 'end'), tenant.until(isEnd(id))]);
    expect(end.data).toMatchObject({ status: 'COMPLETED', result: 'through' });
    const during = await send('test_gate');
    await t.redis.startAgain();
    await tenant.until(({ event, data }) => data?.task_id === during && event === 'step');
    // told once the ledger was asked, while events come again already
    await tenant.until(({ type }) => type === 'gap');
    t.gate.release();
    await tenant.until(isEnd(during));
    const counted = await t.runtime.metrics.metrics();
    expect(counted).toMatch(/millrace_live_events_dropped_total\{reason="away"\} [1-9]/);
    expect(counted).toMatch(/millrace_live_events_written_total [1-9]/);
    expect(counted).toMatch(/millrace_live_listeners\{scope="tenant"\} 1/);
  });
});
