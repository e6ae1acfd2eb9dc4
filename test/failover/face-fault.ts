/** A fault of what stands between tasks and workers, met under load: struck once a quarter is sent, then counted exactly. */
import { expect } from 'vitest';
import type { Database } from '../../worker/db/index.ts';
import { JobSource } from '../../worker/runtime/index.ts';
import {
  countedSampleTasks,
  type Load,
  type Recovery,
  recoveryFrom,
  startLoad,
  type Verdict,
} from '../harness/checker.ts';
import type { RedisServers } from '../harness/redis.ts';
import { startRuntime, type TestRuntime } from '../harness/runtime.ts';

/** What `loadMs` is meant for. */
const tasksOfRow = 3000;
const defaultSlots = 8;
/** After the load is over: a lost lock (6 s), two checks for stalled jobs, the reconciler's grace, and the backlog. */
const defaultDrainMs = 120_000;
const struckShare = 0.25;

export interface FaultToFace {
  readonly fault: string;
  /** What it strikes, for the figures. */
  readonly on: string;
  readonly servers: RedisServers;
  /** The load is spread over this: about as fast as it is worked off, so that jobs wait in Redis when it fails. */
  readonly loadMs: number;
  readonly slots?: number;
  /** Strikes, and returns the moment that recovery counts from. */
  readonly strike: (ground: Ground) => Promise<number>;
  /** Bounds, seconds. */
  readonly r?: number;
  readonly repair?: number;
}

/** What a strike may look at. */
export interface Ground {
  readonly runtime: TestRuntime;
  /** How often each task was begun in this process. */
  readonly begun: ReadonlyMap<string, number>;
}

export interface FaceOptions {
  readonly seed: number;
  readonly tasks: number;
  readonly drainMs?: number;
}

export interface Faced {
  readonly verdict: Verdict;
  readonly recovery: Recovery;
  /** Jobs that BullMQ took for stalled and gave out again, from the strike on. */
  readonly stalled: number;
}

/** Counts what a fault did to a load of `tasks`, prints it, and holds it to the invariant and to the bounds of its row. */
export async function faceFault(
  db: Database,
  { fault, on, servers, loadMs, slots = defaultSlots, strike, ...bounds }: FaultToFace,
  { seed, tasks, drainMs = defaultDrainMs }: FaceOptions,
): Promise<Faced> {
  const { tasks: counted, begun } = countedSampleTasks();
  let stalled = 0;
  await using runtime = startRuntime({
    db,
    redis: servers,
    tasks: counted,
    slots,
    // as any worker is: the relays then leave the backlog to it
    listed: true,
    consumer: {
      openSource: (options) => {
        const source = new JobSource(options);
        source.on('stalled', () => {
          stalled += 1;
        });
        return source;
      },
    },
  });
  const overMs = (loadMs * tasks) / tasksOfRow;
  const load = startLoad({ db, enqueuer: runtime.enqueuer, run: `${on}: ${fault}`, seed, tasks, overMs, begun });
  await load.reached(struckShare);
  const { prioritized = 0, wait: waiting = 0, active = 0 } = await runtime.broker.counts('fast_tasks');
  stalled = 0;
  const moment = await strike({ runtime, begun });
  const verdict = await load.verdict(drainMs);
  const ends = await load.ends();
  const recovery = recoveryFrom(moment, ends);
  const figures = {
    seed,
    ...recovery,
    pauses: pausesAfter(moment, ends),
    inRedis: prioritized + waiting + active,
    stalled,
    ...verdict,
  };
  process.stdout.write(`${on}, ${fault}: ${JSON.stringify(figures)}\n`);
  const exact = { attempted: tasks, acknowledged: tasks, lost: 0, unexpected: 0, doubled: 0, active: 0, torn: 0 };
  expect(verdict).toMatchObject(exact);
  if (bounds.r !== undefined) expect(recovery.r).toBeLessThanOrEqual(bounds.r);
  if (bounds.repair !== undefined) expect(recovery.repair).toBeLessThanOrEqual(bounds.repair);
  return { verdict, recovery, stalled };
}

const shownPauses = 4;
const pauseMs = 1000;

/** The first pauses in completions of over a second: from and to, seconds after the moment. They tell what `r` was made of. */
function pausesAfter(moment: number, ends: Awaited<ReturnType<Load['ends']>>): (readonly [number, number])[] {
  const times = [moment, ...ends.map(({ finishedAt }) => finishedAt).filter((at) => at > moment)];
  const pauses = times.flatMap((at, place) => {
    const before = times[place - 1] ?? at;
    return at - before > pauseMs ? [[(before - moment) / 1000, (at - moment) / 1000] as const] : [];
  });
  return pauses.slice(0, shownPauses);
}
