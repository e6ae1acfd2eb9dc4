import { describe, expect, it } from 'vitest';
import type { LiveEvent } from './event.ts';
import { Listeners, type LiveScope } from './listeners.ts';
import { Told } from './told.ts';

const event = (over: Partial<LiveEvent> = {}): LiveEvent => ({
  id: '5-0',
  event: 'status',
  tenantId: 'tenant',
  taskId: 'task',
  userId: undefined,
  epoch: 1,
  durable: true,
  data: '',
  ...over,
});
const task: LiveScope = { kind: 'task', taskId: 'task', durable: true };

function listening(listeners: Listeners, scope: LiveScope, tenantId = 'tenant') {
  const heard: string[] = [];
  const subscription = listeners.add(tenantId, scope, {
    onEvent: ({ event: name, epoch, id }) => heard.push(`${name} ${epoch} ${id}`),
    onGap: ({ complete }) => heard.push(`gap ${complete}`),
  });
  return { heard, subscription };
}

describe('Listeners', () => {
  it('should find those whom an event concerns, and nobody of another tenant', () => {
    const listeners = new Listeners();
    const all = listening(listeners, { kind: 'tenant' }).subscription;
    const user = listening(listeners, { kind: 'user', userId: 'u' }).subscription;
    const one = listening(listeners, task).subscription;
    listening(listeners, { kind: 'tenant' }, 'other');
    expect(listeners.of(event({ userId: 'u' }))).toEqual([all, user, one]);
    expect(listeners.of(event({ taskId: 'another' }))).toEqual([all]);
    expect(listeners.of(event({ tenantId: 'nobody' }))).toEqual([]);
    for (const subscription of [all, user, one]) listeners.remove(subscription);
    expect(listeners.of(event({ userId: 'u' }))).toEqual([]);
    expect(listeners.size).toBe(1);
    expect(listeners.tenants(() => true)).toEqual(['other']);
  });

  it('should tell how things stand first, then what came meanwhile and is newer', () => {
    const { heard, subscription } = listening(new Listeners(), { kind: 'tenant' });
    subscription.tell(event({ id: '6-0' }));
    subscription.tell(event({ id: '8-0' }));
    expect(heard).toEqual([]);
    subscription.begin([event({ id: '5-0' }), event({ id: '6-0' })], '7-0');
    expect(heard).toEqual(['status 1 5-0', 'status 1 6-0', 'status 1 8-0']);
  });

  it('should hold back a bounded number meanwhile, ends before all else, and say what is missing', () => {
    const { heard, subscription } = listening(new Listeners(), { kind: 'tenant' });
    for (let n = 0; n < 3000; n += 1) subscription.tell(event({ taskId: `${n}` }));
    subscription.tell(event({ event: 'result', id: '9-0' }));
    subscription.begin([], undefined);
    expect(heard).toHaveLength(1002);
    expect(heard[0]).toBe('gap false');
    expect(heard.at(-1)).toBe('result 1 9-0');
  });

  it('should tell the end of one task once, nothing older after it, and what comes when it is retried', () => {
    const { heard, subscription } = listening(new Listeners(), task);
    subscription.begin([event({ event: 'error', epoch: 2 })], undefined);
    subscription.tell(event({ event: 'progress', epoch: 2 }));
    subscription.tell(event({ event: 'error', epoch: 2 }));
    subscription.tell(event({ epoch: 3 }));
    subscription.tell(event({ event: 'result', epoch: 3 }));
    expect(heard).toEqual(['error 2 5-0', 'status 3 5-0', 'result 3 5-0']);
  });
});

describe('Told', () => {
  it('should know which tasks live until they end', () => {
    const told = new Told();
    expect(told.lives(event())).toBe(true);
    told.lives(event({ taskId: 'other', durable: false }));
    expect([told.durable(), told.notDurable()]).toEqual([['task'], ['other']]);
    expect(told.end(event({ event: 'result' }))).toBe(true);
    expect(told.durable()).toEqual([]);
  });

  it('should take an end once, however it comes, and nothing older after it', () => {
    const told = new Told();
    expect(told.end(event({ event: 'error', epoch: 4 }))).toBe(true);
    expect(told.end(event({ event: 'error', epoch: 4 }))).toBe(false);
    expect(told.lives(event({ event: 'progress', epoch: 4 }))).toBe(false);
    expect(told.lives(event({ epoch: 5 }))).toBe(true);
    expect(told.end(event({ event: 'result', epoch: 5 }))).toBe(true);
  });

  it('should tell no state of before a newer one: events of two processes may cross', () => {
    const told = new Told();
    expect(told.lives(event({ epoch: 3 }))).toBe(true);
    expect(told.lives(event({ epoch: 2 }))).toBe(false);
    expect(told.lives(event({ event: 'progress', epoch: 3 }))).toBe(true);
  });

  it('should forget tasks that nobody listens to', () => {
    const told = new Told();
    told.lives(event());
    told.lives(event({ taskId: 'kept' }));
    told.prune((taskId) => taskId === 'kept');
    expect(told.durable()).toEqual(['kept']);
  });
});
