/** Two beats on a real Postgres: the one that leads is killed, or frozen and thawed. The ledger decides what was fired. */
import { randomUUID } from 'node:crypto';
import { Registry } from 'prom-client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { lead, startBeat } from '../../../worker/beat/index.ts';
import { type Database, migrate } from '../../../worker/db/index.ts';
import {
  createRegistry,
  defineSchedule,
  ensurePartitions,
  putSchedule,
  readLeader,
} from '../../../worker/runtime/index.ts';
import { defaultTenantId, ensureTenant } from '../../../worker/services/tenants/tenants.ts';
import { sampleTasks } from '../../../worker/tasks/sample/sample-tasks.ts';
import { createLogger } from '../../../worker/telemetry/logger.ts';
import { openEnqueuer } from '../../harness/enqueuer.ts';
import { postgresServer, type RunningPostgres } from '../../harness/postgres.ts';
import { type RedisServers, redisServer } from '../../harness/redis.ts';
import { openStage, type Stage, type StageProcess } from '../../harness/stage.ts';
import { until } from '../../harness/until.ts';

/** From the death of a leader to the first slot that another fires. */
const takeoverMs = 20_000;
/** Five transactions' worth. */
const many = 5000;
const registry = createRegistry(sampleTasks);

interface FiredSlot {
  readonly second: number;
  readonly fired_by: string;
  readonly term: number;
  readonly fired_at: Date;
}

/** What the ledger says of the schedule that fires each second: slots, and tasks by their slot. */
async function fired(stage: Stage): Promise<{ slots: FiredSlot[]; tasks: number }> {
  const slots = await stage.db.query<FiredSlot>(
    `select extract(epoch from slot)::int as second, fired_by, term, fired_at from schedule_slots f
       join schedules s on s.id = f.schedule_id where s.name = 'each-second' order by slot`,
  );
  const [tasks] = await stage.db.query<{ n: number }>(
    `select count(*)::int as n from tasks where name = 'sample_noop'`,
  );
  return { slots, tasks: tasks?.n ?? 0 };
}

/** Each second from the first to the last once, and one task for each. */
function expectEachOnce({ slots, tasks }: Awaited<ReturnType<typeof fired>>): void {
  const first = slots[0]?.second ?? 0;
  expect(slots.map(({ second }) => second)).toEqual(slots.map((_, n) => first + n));
  expect(tasks).toBe(slots.length);
}

async function leadingBeat(stage: Stage, beats: readonly StageProcess[]): Promise<StageProcess> {
  const name = (await readLeader(stage.db))?.name ?? '';
  const found = beats.find(({ pid }) => name.endsWith(`:${pid}`));
  if (!found) throw new Error(`no beat of this test leads, but ${name}`);
  return found;
}

describe.concurrent('beats', () => {
  let postgres: RunningPostgres;
  let redis: RedisServers;
  beforeAll(async () => {
    [postgres, redis] = await Promise.all([postgresServer.start(), redisServer.start()]);
  });
  afterAll(async () => {
    await postgres[Symbol.asyncDispose]();
    await redis[Symbol.asyncDispose]();
  });

  async function emptyDatabase(stack: AsyncDisposableStack): Promise<Database> {
    const { db } = stack.use(await openStage({ postgres, redis }));
    await migrate(db);
    await ensurePartitions(db);
    await ensureTenant(db, defaultTenantId, 'default');
    return db;
  }

  /** Two beats, one of which leads and has fired. */
  async function open(
    stack: AsyncDisposableStack,
  ): Promise<{ stage: Stage; leader: StageProcess; other: StageProcess }> {
    const stage = stack.use(await openStage({ postgres, redis }));
    const beats = await Promise.all([stage.start('beat'), stage.start('beat')]);
    await putSchedule(
      stage.db,
      registry,
      defaultTenantId,
      defineSchedule({ name: 'each-second', task: 'sample_noop', everySeconds: 1, missed: 'all', expires: false }),
    );
    await until('a slot is fired', 10_000, async () => (await fired(stage)).slots.length > 1);
    const leader = await leadingBeat(stage, beats);
    const other = beats.find((beat) => beat !== leader);
    if (!other) throw new Error('both beats lead');
    return { stage, leader, other };
  }

  const firedBy = async (stage: Stage, { pid }: StageProcess) =>
    (await fired(stage)).slots.filter(({ fired_by: name }) => name.endsWith(`:${pid}`));

  it('should go on within 20 s when the one that leads is killed, each slot fired once', async () => {
    await using stack = new AsyncDisposableStack();
    const { stage, leader, other } = await open(stack);
    const killedAt = Date.now();
    await leader.kill();
    await until('the other fires', takeoverMs, async () => (await firedBy(stage, other)).length > 2);
    const now = await fired(stage);
    expectEachOnce(now);
    const first = now.slots.find(({ fired_by: name }) => name.endsWith(`:${other.pid}`));
    expect(Number(first?.fired_at) - killedAt).toBeLessThan(takeoverMs);
    // what came meanwhile was made up for
    expect(Number(first?.second) * 1000).toBeLessThan(killedAt + 1500);
  });

  it('should fire nothing more when it was frozen, followed by another, and thawed', async () => {
    await using stack = new AsyncDisposableStack();
    const { stage, leader, other } = await open(stack);
    leader.child.kill('SIGSTOP');
    try {
      await until('the other fires', takeoverMs, async () => (await firedBy(stage, other)).length > 2);
    } finally {
      leader.child.kill('SIGCONT');
    }
    await until('the thawed one knows', 10_000, async () => leader.log().includes('no longer leads'));
    const before = (await firedBy(stage, other)).length;
    await until('the other goes on', 10_000, async () => (await firedBy(stage, other)).length > before + 1);
    const now = await fired(stage);
    expectEachOnce(now);
    const taken = now.slots.findIndex(({ fired_by: name }) => name.endsWith(`:${other.pid}`));
    expect(now.slots.slice(taken).every(({ fired_by: name }) => name.endsWith(`:${other.pid}`))).toBe(true);
    expect(await leadingBeat(stage, [leader, other])).toBe(other);
  });

  it('should not be held up by a leader that stands still in the middle of a claim', async () => {
    await using stack = new AsyncDisposableStack();
    const db = await emptyDatabase(stack);
    const lease = await lead.acquire(db, randomUUID(), 'first');
    if (!lease) throw new Error('the lead of an empty database was not given');
    const held = Promise.withResolvers<void>();
    const thaw = Promise.withResolvers<void>();
    const claim = db.tx(async (tx) => {
      await lead.holdLead(tx, lease);
      held.resolve();
      await thaw.promise;
      await tx.query('select 1');
    });
    const ended = claim.then(
      () => 'committed',
      () => 'refused',
    );
    await held.promise;
    // a renewal passes the claim
    expect(await lead.renew(db, lease)).toBe(true);
    await lead.endLease(db);
    const next = await lead.acquire(db, randomUUID(), 'second');
    expect(next).toMatchObject({ term: lease.term + 1 });
    thaw.resolve();
    expect(await ended).toBe('refused');
  });

  it('should fire thousands that are due at once within seconds, each once, with two beats alive', async () => {
    await using stack = new AsyncDisposableStack();
    const db = await emptyDatabase(stack);
    const { enqueuer } = stack.use(openEnqueuer(db, redis, sampleTasks));
    const metrics = [new Registry(), new Registry()];
    for (const [n, register] of metrics.entries()) {
      const beat = await startBeat({
        db,
        enqueuer,
        registry,
        schedules: [],
        tenantId: defaultTenantId,
        name: `beat-${n}`,
        keepSlotsSeconds: 3600,
        metrics: register,
        log: createLogger({ level: 'fatal' }),
      });
      stack.defer(() => beat.stop());
    }
    await db.query(
      `insert into schedules (id, tenant_id, name, source, task, every_seconds, next_slot, next_at)
       select gen_random_uuid(), $1, 'many-' || n, 'api', 'sample_noop', 86400, date_trunc('second', now()), date_trunc('second', now())
         from generate_series(1, $2::int) as n`,
      [defaultTenantId, many],
    );
    await until('all are fired', 20_000, async () => {
      const [row] = await db.query<{ n: number }>('select count(*)::int as n from schedule_slots');
      return row?.n === many;
    });
    const [sum] = await db.query<{ schedules: number; tasks: number; sent: number; beats: number }>(
      `select count(distinct f.schedule_id)::int as schedules, count(distinct t.id)::int as tasks,
              (select count(*)::int from tasks) as sent, count(distinct f.fired_by)::int as beats
         from schedule_slots f join tasks t on t.id = f.task_id`,
    );
    expect(sum).toEqual({ schedules: many, tasks: many, sent: many, beats: 1 });
    const pages = await Promise.all(metrics.map((register) => register.metrics()));
    expect(pages.filter((page) => page.includes('\nmillrace_beat_leader 1\n'))).toHaveLength(1);
    expect(pages.join('\n')).toContain(`millrace_schedule_slots_total{outcome="fired"} ${many}`);
    expect(pages.join('\n')).toContain(`millrace_schedule_lateness_seconds_count ${many}`);
  });
});
