import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { Account, type Asked, drain } from './accounting.ts';
import type { TaskJson } from './client.ts';

const lost = vi.hoisted(() => ({ add: vi.fn<(count: number) => void>() }));
vi.mock('./metrics.ts', () => {
  const ignored = { add: () => undefined };
  return {
    lost,
    queueWait: ignored,
    service: ignored,
    endToEnd: ignored,
    acceptedAt: ignored,
    endedAt: ignored,
    firstAccepted: ignored,
    lastFinished: ignored,
    completed: ignored,
    failed: ignored,
  };
});
vi.mock('./pause.ts', () => ({ pause: async (seconds: number) => pass(seconds) }));

const begun = Date.parse('2026-01-01T00:00:00.000Z');
const at = (second: number) => new Date(begun + second * 1000).toISOString();
const now = () => (Date.now() - begun) / 1000;
/** No time passes here but what is said to. */
function pass(seconds: number): void {
  vi.setSystemTime(Date.now() + seconds * 1000);
}

let told: string;
beforeEach(() => {
  told = '';
  lost.add.mockClear();
  vi.useFakeTimers({ toFake: ['Date'], now: begun });
  vi.spyOn(console, 'error').mockImplementation((line: string) => {
    told += line;
  });
});
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

const ids = Array.from({ length: 1000 }, (_, n) => `task-${n}`);
const ended = (id: string): TaskJson => ({
  task_id: id,
  status: 'COMPLETED',
  accepted_at: at(0),
  started_at: at(1),
  finished_at: at(2),
  error: null,
});
const drained = (client: Asked) =>
  drain({ client, account: new Account(begun), ids, task: 'sample_noop', seconds: 10 });

it('should settle what the list tells, page by page, and lose nothing', async () => {
  const pageSize = 200;
  await drained({
    task: async () => 'away',
    async tasks(filter, cursor) {
      expect(filter).toBe('&task=sample_noop');
      const from = Number(cursor ?? 0);
      const next = from + pageSize;
      return { tasks: ids.slice(from, next).map(ended), next_cursor: next < ids.length ? String(next) : null };
    },
    why: async () => '',
  });
  expect(lost.add.mock.calls).toEqual([[0]]);
  expect(told).toBe('');
});

it('should read a list that has no end for no longer than 30 s after the drain, and say what it has not looked at', async () => {
  let lastAsked = 0;
  await drained({
    task: async () => 'away',
    async tasks(_filter, cursor) {
      lastAsked = now();
      pass(1);
      return { tasks: [ended('of somebody else')], next_cursor: `${cursor}+` };
    },
    why: async () => '',
  });
  expect(lastAsked).toBe(10 + 30 - 1);
  expect(lost.add.mock.calls).toEqual([[ids.length]]);
  expect(told).toContain('1000 accepted tasks have no end after a drain of 10 s');
  expect(told).toContain('There was no time to look at 1000 of them: raise LOADTEST_DRAIN_SECONDS.');
});

it('should look at each that is open once more, and tell why one of them has not ended', async () => {
  const [slow = ''] = ids;
  const alone: Asked = {
    async task(_id, waitSeconds) {
      pass(waitSeconds);
      return { ...ended(slow), status: 'QUEUED', finished_at: null };
    },
    tasks: async () => 'away',
    why: async () => 'No worker takes from its queue.',
  };
  await drain({ client: alone, account: new Account(begun), ids: [slow], seconds: 10 });
  expect(now()).toBe(10);
  expect(lost.add.mock.calls).toEqual([[1]]);
  expect(told).toContain(`Of one that it knows, ${slow}: No worker takes from its queue.`);
  expect(told).not.toContain('no time');
});
