import { describe, expect, it, vi } from 'vitest';
import type { ListenOptions, LiveEvent, LiveListener } from '../../runtime/index.ts';
import { maxWaitingEnds } from './outlet.ts';
import { heartbeatMs, maxSubscriptions, Session } from './session.ts';

const event = (n: number): LiveEvent => ({
  id: `${n}-0`,
  event: 'result',
  tenantId: 'tenant',
  taskId: `task ${n}`,
  userId: undefined,
  epoch: 1,
  durable: true,
  data: `{"n":${n}}`,
});

/** A session over a socket that takes what it is let. */
function open() {
  const sent: { readonly type: string; readonly code?: string; readonly id?: string }[] = [];
  const closed: number[] = [];
  const listening: { readonly options: ListenOptions; readonly listener: LiveListener }[] = [];
  let disposed = 0;
  const state = { bufferedAmount: 0, pings: 0, holds: true, known: Promise.resolve() };
  const session = new Session({
    socket: {
      get bufferedAmount() {
        return state.bufferedAmount;
      },
      readyState: 1,
      send: (text, done) => {
        sent.push(JSON.parse(text));
        done();
      },
      ping: () => {
        state.pings += 1;
      },
      close: (code) => closed.push(code),
      terminate: () => undefined,
    },
    hub: {
      listen: async (options, listener) => {
        listening.push({ options, listener });
        await state.known;
        options.onListening?.();
        return {
          [Symbol.dispose]: () => {
            disposed += 1;
          },
        };
      },
    },
    tenantId: 'tenant',
    keyHolds: async () => state.holds,
    authorise: async () => ({ kind: 'tenant' }),
    log: { warn: () => undefined },
  });
  const say = (message: object) => session.message(JSON.stringify(message));
  const heard = (type: string) => sent.filter((one) => one.type === type);
  return { session, state, sent, closed, listening, say, heard, disposed: () => disposed };
}

describe('Session', () => {
  it('should pass on where a subscription goes on, and end all of them with the socket', async () => {
    const { session, listening, say, heard, disposed } = open();
    say({ type: 'subscribe', id: 'a', last_event_id: '5-0' });
    say({ type: 'subscribe', id: 'b' });
    await vi.waitFor(() => expect(heard('subscribed')).toHaveLength(2));
    await vi.waitFor(() => expect(listening.map(({ options }) => options.after)).toEqual(['5-0', undefined]));
    session.ended();
    await vi.waitFor(() => expect(disposed()).toBe(2));
  });

  it('should say that it listens when nothing is missed from then on, and not before', async () => {
    const { state, listening, say, heard } = open();
    const known = Promise.withResolvers<void>();
    state.known = known.promise;
    say({ type: 'subscribe', id: 'a' });
    await vi.waitFor(() => expect(listening).toHaveLength(1));
    expect(heard('subscribed')).toEqual([]);
    known.resolve();
    await vi.waitFor(() => expect(heard('subscribed')).toHaveLength(1));
  });

  it('should refuse more subscriptions than a socket may have', async () => {
    const { session, say, heard } = open();
    for (let n = 0; n <= maxSubscriptions; n += 1) say({ type: 'subscribe', id: `${n}` });
    await vi.waitFor(() => expect(heard('error')).toHaveLength(1));
    expect(heard('error')[0]).toMatchObject({ id: `${maxSubscriptions}`, code: 'subscriptions_exhausted' });
    session.ended();
  });

  it('should close on too many messages at once, and on too many wrong ones', async () => {
    const flood = open();
    for (let n = 0; n < 300; n += 1) flood.say({ type: 'unsubscribe', id: 'a' });
    expect(flood.closed).toEqual([4429]);
    const wrong = open();
    for (let n = 0; n < 30; n += 1) wrong.say({ type: 'sing' });
    await vi.waitFor(() => expect(wrong.closed).toEqual([4400]));
  });

  it('should close on a reader that leaves too many ends, and cost no more by then', async () => {
    const { state, closed, listening, say, sent, disposed } = open();
    say({ type: 'subscribe', id: 'a' });
    await vi.waitFor(() => expect(listening).toHaveLength(1));
    await vi.waitFor(() => expect(sent.at(-1)?.type).toBe('subscribed'));
    state.bufferedAmount = 1e6;
    const before = sent.length;
    for (let n = 0; n < maxWaitingEnds + 10; n += 1) listening[0]?.listener.onEvent(event(n));
    expect(closed).toEqual([4408]);
    expect(sent).toHaveLength(before);
    expect(disposed()).toBe(1);
  });

  it('should ping, and close on who does not answer', async () => {
    vi.useFakeTimers();
    try {
      const { session, state, closed, heard } = open();
      await vi.advanceTimersByTimeAsync(heartbeatMs);
      session.pong();
      await vi.advanceTimersByTimeAsync(heartbeatMs);
      expect([state.pings, heard('heartbeat').length, closed.length]).toEqual([2, 2, 0]);
      await vi.advanceTimersByTimeAsync(heartbeatMs);
      expect(closed).toEqual([4408]);
    } finally {
      vi.useRealTimers();
    }
  });

  it('should close when its key does not hold any more', async () => {
    const { state, closed, listening, say } = open();
    state.holds = false;
    say({ type: 'subscribe', id: 'a' });
    await vi.waitFor(() => expect(closed).toEqual([4401]));
    expect(listening).toEqual([]);
  });
});
