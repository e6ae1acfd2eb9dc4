/** The order of a queue's two sources, and what comes after the loop was told to stop. */
import { pino } from 'pino';
import { expect, it, vi } from 'vitest';
import type { FetchedJob, JobSource, TakenJob } from './job-source.ts';
import type { ClaimedTask } from './ledger/rows.ts';
import { type Backlog, QueueLoop } from './queue-loop.ts';
import { Slots } from './slots.ts';

const capacity = 8;

/** A loop whose two sources answer when the test says so. */
function open({ plain = true, flows = false } = {}) {
  const fetches: { readonly tokens: readonly string[]; readonly answer: (jobs: number) => void }[] = [];
  const pulls: { readonly most: number; readonly answer: (tasks: number) => void }[] = [];
  const [started, handedBack, givenBack]: string[][] = [[], [], []];
  const slots = new Slots(capacity);
  const waited = Promise.withResolvers<void>();
  const woken = Promise.withResolvers<boolean>();
  const passedOn: string[] = [];
  let token = 0;
  const source = {
    queueName: 'fast_tasks',
    plain,
    startStalledCheckTimer: async () => undefined,
    fetch: (tokens: readonly string[]) =>
      new Promise<TakenJob[]>((resolve) => {
        const answer = (jobs: number) =>
          resolve(tokens.slice(0, jobs).map((one) => ({ job: { id: `job ${one}` } as FetchedJob, token: one })));
        fetches.push({ tokens, answer });
      }),
    handBack: async (job: FetchedJob) => void handedBack?.push(job.id ?? ''),
    waitForWork: () => {
      waited.resolve();
      return woken.promise;
    },
    wake: async () => void passedOn.push('marker'),
    close: async () => undefined,
  } as unknown as JobSource;
  const backlog: Backlog = {
    flows: () => flows,
    pull: (_queue, most) =>
      new Promise((resolve) => {
        const answer = (tasks: number) =>
          resolve(Array.from({ length: tasks }, (_, n) => ({ fence: { id: `task ${n}` } }) as ClaimedTask));
        pulls.push({ most, answer });
      }),
    start: (task) => void started?.push(task.fence.id),
    giveBack: async (task) => void givenBack?.push(task.fence.id),
  };
  const loop = new QueueLoop({
    source,
    slots,
    backlog,
    token: () => `${token++}`,
    start: (_source, job) => void started?.push(job.id ?? ''),
    log: pino({ level: 'silent' }),
  });
  const fetched = (count: number) => vi.waitFor(() => expect(fetches).toHaveLength(count));
  const pulled = (count: number) => vi.waitFor(() => expect(pulls).toHaveLength(count));
  return {
    loop,
    slots,
    fetches,
    pulls,
    started,
    handedBack,
    givenBack,
    fetched,
    pulled,
    waited: waited.promise,
    woken,
    passedOn,
  };
}

it('should hand back what Redis and the ledger answer after it was told to stop', async () => {
  const t = open({ flows: true });
  await t.fetched(1);
  await t.pulled(1);
  t.loop.stop();
  t.fetches[0]?.answer(1);
  t.pulls[0]?.answer(2);
  await vi.waitFor(() => expect(t.slots.busy).toBe(0));
  expect([t.started, t.handedBack, t.givenBack]).toEqual([[], ['job 0'], ['task 0', 'task 1']]);
});

it('should pull for the slots that Redis has no job for', async () => {
  const t = open();
  await t.fetched(1);
  expect(t.fetches[0]?.tokens).toHaveLength(capacity);
  t.fetches[0]?.answer(3);
  await t.pulled(1);
  expect(t.pulls[0]?.most).toBe(capacity - 3);
  t.loop.stop();
});

it('should ask both at once while the backlog flows, each for half of the free slots', async () => {
  const t = open({ flows: true });
  await t.fetched(1);
  await t.pulled(1);
  expect([t.fetches[0]?.tokens.length, t.pulls[0]?.most]).toEqual([capacity / 2, capacity / 2]);
  t.loop.stop();
});

it('should pull nothing of a queue that something in Redis holds up', async () => {
  const t = open({ plain: false });
  await t.fetched(1);
  t.fetches[0]?.answer(0);
  await t.waited;
  expect(t.pulls).toEqual([]);
  expect(t.slots.busy).toBe(0);
  t.loop.stop();
});

it('should not take an answer of the database for one of Redis', async () => {
  const t = open({ flows: true });
  await t.fetched(1);
  await t.pulled(1);
  t.pulls[0]?.answer(1);
  await vi.waitFor(() => expect(t.started).toEqual(['task 0']));
  expect(t.loop.everHeard).toBe(false);
  t.loop.stop();
});

it('should be silent while Redis does not answer, and not while the database does not', async () => {
  const t = open();
  await t.fetched(1);
  await vi.waitFor(() => expect(t.loop.silentMs).toBeGreaterThan(0));
  t.fetches[0]?.answer(0);
  await t.pulled(1);
  expect(t.loop.silentMs).toBe(0);
  t.pulls[0]?.answer(0);
  await t.waited;
  await vi.waitFor(() => expect(t.loop.silentMs).toBeGreaterThan(0));
  t.loop.stop();
});

it.each([
  [
    'has no slot',
    true,
    (t: ReturnType<typeof open>) => void Array.from({ length: capacity }, () => t.slots.takeFree('high')),
  ],
  ['stops', true, (t: ReturnType<typeof open>) => t.loop.stop()],
  ['can fetch', false, () => undefined],
])('should pass on what woke it when it %s: %s', async (_how, passes, meanwhile) => {
  const t = open();
  await t.fetched(1);
  t.fetches[0]?.answer(0);
  await t.pulled(1);
  t.pulls[0]?.answer(0);
  await t.waited;
  meanwhile(t);
  t.woken.resolve(true);
  if (passes) await vi.waitFor(() => expect(t.passedOn).toEqual(['marker']));
  else await t.fetched(2);
  expect(t.passedOn).toEqual(passes ? ['marker'] : []);
});
