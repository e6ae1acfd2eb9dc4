import { describe, expect, it } from 'vitest';
import type { LiveEvent } from '../../runtime/index.ts';
import { maxWaiting, maxWaitingEnds, Outlet } from './outlet.ts';

const event = (name: LiveEvent['event'], taskId: string, epoch = 1): LiveEvent => ({
  id: '1-1',
  event: name,
  tenantId: 'tenant',
  taskId,
  userId: undefined,
  epoch,
  durable: true,
  data: '{}',
});

/** A reader that takes what it is let. */
function reader() {
  const taken: string[] = [];
  const state = { takes: 0, overflows: 0 };
  const outlet = new Outlet<string>({
    writable: () => state.takes > 0,
    write: (text) => {
      state.takes -= 1;
      taken.push(text);
    },
    overflow: () => {
      state.overflows += 1;
    },
    lagged: () => 'lagged',
  });
  const read = (most: number) => {
    state.takes = most;
    outlet.drained();
    state.takes = 0;
    return taken.splice(0);
  };
  return { outlet, state, taken, read };
}

describe('Outlet', () => {
  it('should pass on at once what its reader takes', () => {
    const { outlet, state, taken } = reader();
    state.takes = 2;
    outlet.event('', event('status', 'a'), 'one');
    outlet.always('two');
    expect(taken).toEqual(['one', 'two']);
    expect(outlet.size).toBe(0);
  });

  it('should keep of each task the newest progress, and the order of what it keeps', () => {
    const { outlet, read } = reader();
    outlet.event('', event('status', 'a'), 'a runs');
    for (let n = 0; n < 5; n += 1) {
      outlet.event('', event('progress', 'a'), `a ${n}`);
      outlet.event('', event('progress', 'b'), `b ${n}`);
    }
    expect(read(10)).toEqual(['a runs', 'a 4', 'b 4']);
  });

  it('should let a new step take the place of the progress before it, and an end that of all before it', () => {
    const { outlet, read } = reader();
    outlet.event('', event('progress', 'a'), 'old');
    outlet.event('', event('step', 'a'), 'step');
    outlet.event('', event('progress', 'a'), 'new');
    expect(read(10)).toEqual(['step', 'new']);
    outlet.event('', event('progress', 'a'), 'gone');
    outlet.event('', event('result', 'a'), 'end');
    expect(read(10)).toEqual(['end']);
  });

  it('should keep every end, also two of one task, and those of several subscriptions', () => {
    const { outlet, read } = reader();
    outlet.event('x', event('error', 'a', 1), 'x first');
    outlet.event('x', event('result', 'a', 2), 'x second');
    outlet.event('y', event('result', 'a', 2), 'y second');
    expect(read(10)).toEqual(['x first', 'x second', 'y second']);
  });

  it('should stop as soon as its reader takes no more, and go on there', () => {
    const { outlet, read } = reader();
    for (const name of ['a', 'b', 'c']) outlet.event('', event('status', name), name);
    expect(read(1)).toEqual(['a']);
    expect(read(1)).toEqual(['b']);
    expect(read(5)).toEqual(['c']);
  });

  it('should drop the oldest states beyond its bound, say so once, and drop no end for them', () => {
    const { outlet, state, read } = reader();
    outlet.event('', event('result', 'first'), 'end');
    for (let n = 0; n < maxWaiting + 10; n += 1) outlet.event('', event('status', `task ${n}`), `state ${n}`);
    expect(outlet.size).toBe(maxWaiting + 1);
    const taken = read(maxWaiting + 100);
    expect(taken.slice(0, 3)).toEqual(['lagged', 'end', 'state 10']);
    expect(taken).toHaveLength(maxWaiting + 2);
    expect(state.overflows).toBe(0);
    outlet.event('', event('status', 'later'), 'later');
    expect(read(5)).toEqual(['later']);
  });

  it('should give a reader up, once, that leaves too many ends', () => {
    const { outlet, state, read } = reader();
    for (let n = 0; n < maxWaitingEnds + 5; n += 1) outlet.event('', event('result', `task ${n}`), `end ${n}`);
    expect(state.overflows).toBe(1);
    expect(outlet.size).toBe(0);
    expect(read(10)).toEqual([]);
  });
});
