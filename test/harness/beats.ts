/** Beats as processes, each with ways of its own to the database and to Redis, and what the ledger says that they fired. */
import { expect } from 'vitest';
import type { QueueName } from '../../worker/queues.ts';
import { createRegistry, defineSchedule, putSchedule, readLeader } from '../../worker/runtime/index.ts';
import { defaultTenantId } from '../../worker/services/tenants/tenants.ts';
import { sampleTasks } from '../../worker/tasks/sample/sample-tasks.ts';
import { openEnqueuer } from './enqueuer.ts';
import type { RunningPostgres } from './postgres.ts';
import { startProxy, type TcpProxy } from './proxy.ts';
import type { RedisServers } from './redis.ts';
import { openStage, type Stage, type StageProcess } from './stage.ts';
import { until } from './until.ts';

/** From what befalls a leader to the first slot that another fires: what is promised. */
export const takeoverMs = 20_000;
/** Until this test sees it, on a machine that is busy: when it came about, the ledger says. */
const seenMs = 60_000;
const firstSlotMs = 60_000;
const askMs = 5000;
const scheduleName = 'each-second';

/** What a process without an API tells of itself. */
export interface Health {
  /** The value of a metric, `name` or `name{label="value"}`; undefined: it does not tell such. */
  metric(name: string): Promise<number | undefined>;
  /** Whether it says that it makes progress: with the database and Redis in reach. */
  ready(): Promise<boolean>;
}

export interface StandingBeat extends StageProcess, Health {
  /** Its way to the database, which no other process takes. */
  readonly toDatabase: TcpProxy;
  /** Its way to Redis; where there is one server. */
  readonly toRedis: TcpProxy | undefined;
}

/** A slot of the schedule that fires each second. */
export interface FiredSlot {
  readonly second: number;
  readonly fired_by: string;
  readonly term: number;
  readonly fired_at: Date;
}

export interface Beats extends AsyncDisposable {
  readonly stage: Stage;
  readonly all: readonly StandingBeat[];
  /** The one whose lease runs. @throws when it is none of these */
  leader(): Promise<StandingBeat>;
  /** What was fired, in the order of its slots. */
  fired(): Promise<readonly FiredSlot[]>;
  firedBy(beat: StandingBeat): Promise<readonly FiredSlot[]>;
  /** Resolves once another than `struck` has fired some slots: the one that leads now, and when it fired the first of them. */
  follower(struck: readonly StandingBeat[]): Promise<{ readonly beat: StandingBeat; readonly firstAt: number }>;
  /** Resolves once `beat` has fired two more slots. */
  goesOn(beat: StandingBeat): Promise<void>;
  /**
   * Holds the ledger to the promise: each second from the first slot to the last was fired once, with one task each; terms rise
   * with time, and each has one beat.
   */
  expectEachOnce(): Promise<readonly FiredSlot[]>;
  /** Resolves once Redis holds every task that was fired more than a moment ago. */
  allInRedis(withinMs: number): Promise<void>;
}

export interface BeatsOptions {
  readonly postgres: RunningPostgres;
  readonly redis: RedisServers;
  readonly count: number;
}

/** Starts beats on a database of their own and waits until one of them fires a slot each second. */
export async function openBeats({ postgres, redis, count }: BeatsOptions): Promise<Beats> {
  await using stack = new AsyncDisposableStack();
  const stage = stack.use(await openStage({ postgres, redis }));
  const all: StandingBeat[] = [];
  for (let n = 0; n < count; n += 1) all.push(await startBeat(stack, stage, postgres));
  await putSchedule(
    stage.db,
    createRegistry(sampleTasks),
    defaultTenantId,
    // made up for: what a takeover leaves out would be seen
    defineSchedule({ name: scheduleName, task: 'sample_noop', everySeconds: 1, missed: 'all', expires: false }),
  );
  const beats = handles(stage, all);
  await until('a slot is fired', firstSlotMs, async () => (await beats.fired()).length > 1);
  const opened = stack.move();
  return { ...beats, [Symbol.asyncDispose]: () => opened.disposeAsync() };
}

async function startBeat(stack: AsyncDisposableStack, stage: Stage, postgres: RunningPostgres): Promise<StandingBeat> {
  const toDatabase = stack.use(await startProxy(postgres));
  const redisPort = Number(stage.redis.environment.REDIS_PORT);
  const toRedis = redisPort ? stack.use(await startProxy({ port: redisPort })) : undefined;
  const beat = await stage.start('beat', {
    DB_HOST: toDatabase.host,
    DB_PORT: String(toDatabase.port),
    ...(toRedis && { REDIS_HOST: toRedis.host, REDIS_PORT: String(toRedis.port) }),
  });
  return { ...beat, ...healthOf(beat), toDatabase, toRedis };
}

/** @param started just now: the port stands in the line that says that it is ready */
export function healthOf(started: StageProcess): Health {
  const port = /"port":(\d+).*"msg":"ready"/.exec(started.log())?.[1];
  const ask = (path: string) => fetch(`http://127.0.0.1:${port}/${path}`, { signal: AbortSignal.timeout(askMs) });
  return {
    ready: async () => (await ask('readyz')).ok,
    async metric(name) {
      const page = await (await ask('metrics')).text();
      const line = page.split('\n').find((text) => text.startsWith(`${name} `));
      return line === undefined ? undefined : Number(line.split(' ').at(-1));
    },
  };
}

function handles(stage: Stage, all: readonly StandingBeat[]): Omit<Beats, typeof Symbol.asyncDispose> {
  const { db } = stage;
  const isOf = (name: string, { pid }: StandingBeat) => name.endsWith(`:${pid}`);
  const fired = () =>
    db.query<FiredSlot>(
      `select extract(epoch from slot)::int as second, fired_by, term::int, fired_at from schedule_slots f
         join schedules s on s.id = f.schedule_id where s.name = $1 order by slot`,
      [scheduleName],
    );
  const firedBy = async (beat: StandingBeat) => (await fired()).filter(({ fired_by: name }) => isOf(name, beat));
  const leader = async () => {
    const name = (await readLeader(db))?.name ?? 'none';
    const found = all.find((beat) => isOf(name, beat));
    if (!found) throw new Error(`no beat of this test leads, but ${name}`);
    return found;
  };
  return {
    stage,
    all,
    leader,
    fired,
    firedBy,
    async follower(struck) {
      let beat: StandingBeat | undefined;
      let slots: readonly FiredSlot[] = [];
      await until('another beat fires', seenMs, async () => {
        const next = await leader();
        if (struck.includes(next)) return false;
        beat = next;
        slots = await firedBy(next);
        return slots.length > 1;
      });
      if (!beat) throw new Error('no beat follows');
      return { beat, firstAt: Math.min(...slots.map(({ fired_at }) => fired_at.getTime())) };
    },
    async goesOn(beat) {
      const before = (await firedBy(beat)).length;
      await until('it fires two more slots', seenMs, async () => (await firedBy(beat)).length > before + 1);
    },
    async expectEachOnce() {
      const slots = await fired();
      const first = slots[0]?.second ?? 0;
      expect(slots.map(({ second }) => second)).toEqual(slots.map((_, n) => first + n));
      const [tasks] = await db.query<{ sent: number; of_slots: number }>(
        `select count(*)::int as sent, count(f.task_id)::int as of_slots
           from tasks t left join schedule_slots f on f.task_id = t.id where t.name = 'sample_noop'`,
      );
      // one more may have been fired since
      expect(tasks?.sent).toBe(tasks?.of_slots);
      expect(tasks?.sent).toBeGreaterThanOrEqual(slots.length);
      const byTime = slots.toSorted((a, b) => a.fired_at.getTime() - b.fired_at.getTime());
      expect(byTime.map(({ term }) => term)).toEqual(byTime.map(({ term }) => term).toSorted((a, b) => a - b));
      for (const [, ofTerm] of Map.groupBy(slots, ({ term }) => term))
        expect(new Set(ofTerm.map(({ fired_by }) => fired_by)).size).toBe(1);
      return slots;
    },
    async allInRedis(withinMs) {
      await using redis = openEnqueuer(db, stage.redis, sampleTasks);
      await redis.broker.whenReady(withinMs);
      await until('Redis holds every task that was fired', withinMs, async () => {
        const rows = await db.query<{ id: string; queue: QueueName; status: string }>(
          `select id, queue, status from tasks_live where accepted_at < now() - interval '2 s'`,
        );
        if (rows.some(({ status }) => status !== 'QUEUED')) return false;
        return (await redis.broker.missing(rows)).length === 0;
      });
    },
  };
}
