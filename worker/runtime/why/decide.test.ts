import { describe, expect, it } from 'vitest';
import { decideQueue } from './decide-queue.ts';
import { decideTask } from './decide-task.ts';
import type { ConsumerFacts, OwnFacts, QueueFacts, TaskFacts, TaskState } from './facts.ts';
import { whyReasons } from './reason.ts';

const idle: ConsumerFacts = { name: 'mill:7', slots: 2, busy: 0, runs: [] };
const open: QueueFacts = {
  queue: 'dataset',
  pausedSeconds: undefined,
  redis: { answers: true, awaySeconds: undefined },
  consumers: [idle],
  window: { size: 5000, standing: 0, own: 0, tenants: 0, pulled: false },
  rates: [],
};
const pending: TaskState = {
  id: 'a1',
  task: 'grind',
  queue: 'dataset',
  status: 'PENDING',
  durable: true,
  deadLetter: false,
  attempts: 0,
  maxAttempts: 4,
  timeLimitSeconds: 60,
  isolated: false,
  error: null,
  progress: null,
  worker: null,
  dueInSeconds: -1,
  expiresInSeconds: undefined,
  queuedSeconds: undefined,
  finishedSeconds: undefined,
  leaseSeconds: undefined,
};
const error = { code: 'task_error', message: 'the sluice is shut.', at: '2026-01-01T00:00:00Z', attempt: 0 };
const facts = (
  task: Partial<TaskState>,
  queue: Partial<QueueFacts> = {},
  rest: Partial<TaskFacts> = {},
): TaskFacts => ({
  task: { ...pending, ...task },
  queue: { ...open, ...queue },
  ...rest,
});
const queued = { status: 'QUEUED', queuedSeconds: 1 } as const;
const running = { status: 'RUNNING', worker: 'mill:7', leaseSeconds: 22 } as const;
const run = { id: 'b2', task: 'sift', queue: 'mail', seconds: 12 };
const full: Partial<QueueFacts> = { consumers: [{ ...idle, busy: 2, runs: [run] }] };
const fullWindow = { size: 10, standing: 9, own: 8, tenants: 2, pulled: false };
const pulledWindow = { ...fullWindow, pulled: true };
const holder = { id: 'c3', task: 'grind', status: 'RUNNING' } as const;

/** Each situation, its code, and what its sentence has to hold. */
const situations: readonly (readonly [string, TaskFacts, string, RegExp])[] = [
  ['completed', facts({ status: 'COMPLETED', finishedSeconds: 61 }), 'completed', /^It completed 1 min 1 s ago\.$/],
  [
    'spent',
    facts({ status: 'FAILED', deadLetter: true, attempts: 4, error, finishedSeconds: 5 }),
    'dead_letter',
    /^All 4 attempts of it are spent, the last with task_error: the sluice is shut; it ended 5 s ago as FAILED/,
  ],
  [
    'given up early',
    facts({ status: 'FAILED', deadLetter: true, attempts: 1, error, finishedSeconds: 5 }),
    'dead_letter',
    /given up after 1 attempt,/,
  ],
  ['dropped', facts({ status: 'FAILED', error, finishedSeconds: 5 }), 'failed', /failed 5 s ago \(task_error/],
  ['out of time', facts({ status: 'TIMED_OUT', error, finishedSeconds: 5 }), 'timed_out', /ran out of time/],
  ['cancelled', facts({ status: 'CANCELLED', error, finishedSeconds: 5 }), 'cancelled', /cancelled 5 s ago/],
  ['expired', facts({ status: 'EXPIRED', finishedSeconds: 7200 }), 'expired', /expired 2 h ago/],
  [
    'running',
    facts(
      { ...running, progress: { step: 'parsing', fraction: 0.404 } },
      {},
      { runSeconds: 3, workerSilentSeconds: 2 },
    ),
    'running',
    /on the worker mill:7 for 3 s, under a lease that is renewed \(22 s left\), with a limit of 1 min; it says: parsing, 40 %\.$/,
  ],
  [
    'running on a worker that is silent',
    facts(running, {}, { workerSilentSeconds: 18 }),
    'worker_gone',
    /mill:7, which has not been heard of for 18 s; its lease ends in 22 s/,
  ],
  ['running past its lease', facts({ ...running, leaseSeconds: -2 }), 'worker_gone', /its lease is over since 2 s/],
  [
    'waiting for parents',
    facts(
      { dueInSeconds: undefined },
      {},
      { parents: { count: 5, first: [{ ...holder, status: 'PENDING' }], roots: [{ ...holder, id: 'd4' }] } },
    ),
    'waits_for_parents',
    /5 tasks of its flow have completed: grind c3 \(PENDING\) and 4 more; the flow stands at grind d4 \(RUNNING\)/,
  ],
  ['not due', facts({ dueInSeconds: 250 }), 'not_due', /due in 4 min 10 s\.$/],
  [
    'due after its expiry',
    facts({ dueInSeconds: 250, expiresInSeconds: 100 }),
    'not_due',
    /expires before that, in 1 min 40 s/,
  ],
  [
    'tried again later',
    facts({ status: 'RETRYING', attempts: 2, dueInSeconds: 30, error }),
    'retry_later',
    /^Attempt 2 of 4 failed \(task_error: the sluice is shut\); the next begins in 30 s\.$/,
  ],
  ['in a paused queue', facts(queued, { pausedSeconds: 4 }), 'queue_paused', /dataset has been paused for 4 s/],
  [
    'in a queue without workers',
    facts({}, { consumers: [] }),
    'no_consumer',
    /No live worker takes from the queue dataset/,
  ],
  [
    'without redis',
    facts({}, { redis: { answers: false, awaySeconds: 8 } }),
    'redis_away',
    /^Redis has been away for 8 s/,
  ],
  [
    'before a redis that hangs',
    facts({}, { redis: { answers: false, awaySeconds: undefined } }),
    'redis_away',
    /^Redis does not answer/,
  ],
  [
    'of a tenant at its limit',
    facts(
      { isolated: true },
      {},
      { tenantLimit: { limit: 1, held: 1, holders: [holder] }, ahead: { count: 2, capped: false } },
    ),
    'tenant_limit',
    /at most 1 task of its kind in the queue dataset at once, now grind c3 \(RUNNING\), and 2 more wait before it/,
  ],
  [
    'in a queue with a rate',
    facts({}, { rates: [{ of: 'queue', perSecond: 0.5, tokens: 0.5 }] }, { ahead: { count: 3, capped: false } }),
    'rate_limit',
    /dataset starts at most 30 tasks a minute, and 3 tasks of yours go before it: its turn comes in 7 s/,
  ],
  [
    'of a tenant with a rate',
    facts({}, { rates: [{ of: 'tenant', perSecond: 1 / 60, tokens: 0 }] }, { ahead: { count: 0, capped: false } }),
    'rate_limit',
    /A tenant starts in the queue dataset at most 1 task a minute.*in 1 min/,
  ],
  [
    'outside of a full window',
    facts({}, { window: fullWindow }, { ahead: { count: 1000, capped: true } }),
    'window_full',
    /9 of 10 jobs stand in Redis, 8 of them your own and 1 of 1 other tenant, and more than 1000 more of yours go/,
  ],
  [
    'in the ledger, behind slots that are busy',
    facts({}, { ...full, window: pulledWindow }, { ahead: { count: 1, capped: false } }),
    'slots_busy',
    /1 more\), and 1 of yours goes before it\.$/,
  ],
  [
    'in the ledger, before slots that are free',
    facts({}, { window: pulledWindow }, { ahead: { count: 7, capped: false } }),
    'about_to_start',
    /taken by a worker in a moment; 7 of yours go before it\.$/,
  ],
  [
    'outside of a full window, and bound to its tenant',
    facts({ isolated: true }, { window: pulledWindow }, { ahead: { count: 7, capped: false } }),
    'window_full',
    /^The window of the queue dataset is full/,
  ],
  ['handed over in a moment', facts({ dueInSeconds: -0.1 }), 'about_to_start', /handed to Redis in a moment\.$/],
  ['handed over by nobody', facts({ dueInSeconds: -60 }), 'not_handed_over', /due for 1 min, nothing binds it/],
  [
    'taken by no worker',
    facts({ dueInSeconds: -60 }, { window: pulledWindow }),
    'not_handed_over',
    /due for 1 min, nothing binds it, and no worker has taken it from the ledger\.$/,
  ],
  ['lost by redis', facts(queued, {}, { job: { state: 'missing', ahead: 0 } }), 'job_lost', /does not know its job/],
  ['fetched', facts(queued, {}, { job: { state: 'active', ahead: 0 } }), 'being_claimed', /fetched it/],
  [
    'behind busy slots',
    facts(queued, full, { job: { state: 'waiting', ahead: 5 } }),
    'slots_busy',
    /All 2 slots of the 1 worker that takes from dataset are busy \(mill:7 runs sift b2 for 12 s, 1 more\), and 5 jobs of the queue stand before it/,
  ],
  [
    'behind slots that are busy for others',
    facts(queued, { consumers: [{ ...idle, busy: 2 }] }, { job: { state: 'waiting', ahead: 0 } }),
    'slots_busy',
    /busy \(all with tasks of other tenants\), and it is first in line\.$/,
  ],
  [
    'behind others',
    facts(queued, {}, { job: { state: 'waiting', ahead: 1 } }),
    'behind_others',
    /^1 job of the queue dataset stands before it/,
  ],
  [
    'first, and not taken',
    facts({ ...queued, queuedSeconds: 40 }, {}, { job: { state: 'waiting', ahead: 0 } }),
    'consumer_silent',
    /stood first in Redis for 40 s although slots are free/,
  ],
  ['taken in a moment', facts(queued, {}, { job: { state: 'waiting', ahead: 0 } }), 'about_to_start', /a slot is free/],
  [
    'not durable, behind busy slots',
    facts({ ...queued, durable: false }, full, { job: { state: 'waiting', ahead: 0 } }),
    'slots_busy',
    /All 2 slots/,
  ],
];

describe('the decision on a task', () => {
  it.each(situations)('should find the reason of one that is %s', (_what, given, code, sentence) => {
    const why = decideTask(given);
    expect(why.code).toBe(code);
    expect(why.sentence).toMatch(sentence);
    expect(why.sentence).toMatch(/^[A-Z0-9].*\.$/);
    if (whyReasons[why.code] === 'blocked') expect(why.mend).toBeDefined();
  });

  it('should name all that stands in the way, what has to be mended first before the others', () => {
    const blocked = { pausedSeconds: 1, consumers: [], redis: { answers: false, awaySeconds: 3 } };
    const why = decideTask(facts({ dueInSeconds: 60 }, blocked));
    expect([why, ...why.also].map(({ code }) => code)).toEqual([
      'not_due',
      'queue_paused',
      'no_consumer',
      'redis_away',
    ]);
  });

  it('should not take a few places of a full window for room, nor turn away a tenant with few', () => {
    const of = (own: number, standing: number) =>
      decideTask(facts({ dueInSeconds: 0 }, { window: { size: 40, standing, own, tenants: 2, pulled: false } })).code;
    expect(of(8, 31)).toBe('window_full');
    expect(of(8, 30)).toBe('about_to_start');
    expect(of(7, 40)).toBe('about_to_start');
  });

  it('should tell other tenants by their number only', () => {
    const given = facts(queued, {
      consumers: [{ ...idle, busy: 2, runs: [{ ...run, id: undefined, task: undefined }] }],
    });
    expect(decideTask(given).sentence).toContain('a task of another tenant for 12 s');
  });
});

describe('the decision on a queue', () => {
  const own: OwnFacts = {
    running: 0,
    queued: 0,
    waiting: { count: 0, capped: false },
    nextDueSeconds: undefined,
    head: undefined,
  };
  const some = { ...own, waiting: { count: 3, capped: false } };
  const decide = (queue: Partial<QueueFacts>, given: OwnFacts, head?: TaskFacts) =>
    decideQueue({ queue: { ...open, ...queue }, own: given, head: head && decideTask(head) });

  it('should say what holds up all of it before it looks at tasks', () => {
    expect(decide({ pausedSeconds: 60, consumers: [] }, some)).toMatchObject({
      code: 'queue_paused',
      sentence: expect.stringMatching(/nothing new starts; 3 of yours wait\.$/),
      also: [{ code: 'no_consumer' }],
    });
  });

  it('should say that nothing waits, or that what there is runs', () => {
    expect(decide({}, own).code).toBe('queue_empty');
    expect(decide({}, { ...own, running: 2 })).toMatchObject({ code: 'queue_moves', details: { running: 2 } });
  });

  it('should say when the next is due, or that all wait for others', () => {
    expect(decide({}, { ...some, nextDueSeconds: 90 }).sentence).toMatch(/^3 of yours wait .* due in 1 min 30 s\.$/);
    expect(decide({}, some).sentence).toMatch(/for other tasks of their flows\.$/);
  });

  it('should answer with the reason of the task that is next', () => {
    const next = facts(queued, full, { job: { state: 'waiting', ahead: 0 } });
    const head = { id: 'a1', task: 'grind', status: 'QUEUED' } as const;
    expect(decide(full, { ...some, queued: 1, head }, next)).toMatchObject({
      code: 'slots_busy',
      sentence: expect.stringMatching(/^Of 4 waiting, grind a1 is next: all 2 slots .*\.$/),
    });
  });
});
