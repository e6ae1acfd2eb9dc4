import { randomUUID } from 'node:crypto';
import { expect, it } from 'vitest';
import { type WatchedRun, WatchTable } from './watch-table.ts';

const run = (deadline: number, task = 'sample_noop'): WatchedRun => ({
  fence: { id: randomUUID(), owner: randomUUID(), epoch: 2 ** 40 + 1 },
  task,
  attempt: 3,
  limitSeconds: 0.5,
  deadline,
});

it('should show another thread the runs that are over their deadline, whole', () => {
  const table = new WatchTable();
  const seen = new WatchTable(table.memory);
  const [early, late] = [run(1000), run(5000, 'x'.repeat(120))];
  using _early = table.add(early);
  using _late = table.add(late);
  expect(seen.overdue(999)).toEqual([]);
  expect(seen.overdue(1000)).toEqual([early]);
  expect(seen.overdue(5000)).toEqual([early, late]);
  const retried = { ...run(500), retryDelayMs: 0 };
  using _retried = table.add(retried);
  expect(seen.overdue(500)).toEqual([retried]);
});

it('should show the beats of the loop', () => {
  const table = new WatchTable();
  const seen = new WatchTable(table.memory);
  const before = seen.beats;
  table.beat();
  expect(seen.beats).toBe(before + 1);
});

it('should forget a run that is disposed of, and give its place to the next', () => {
  const table = new WatchTable();
  for (let round = 0; round < 5000; round += 1) {
    using _run = table.add(run(1));
  }
  expect(table.overdue(10)).toEqual([]);
  using _last = table.add(run(1));
  expect(table.overdue(10)).toHaveLength(1);
});

it('should leave unwatched what finds no place', () => {
  const table = new WatchTable();
  const kept = Array.from({ length: 1024 }, () => table.add(run(1)));
  const extra = table.add(run(1));
  extra[Symbol.dispose]();
  expect(table.overdue(10)).toHaveLength(1024);
  for (const one of kept) one[Symbol.dispose]();
  expect(table.overdue(10)).toEqual([]);
});
