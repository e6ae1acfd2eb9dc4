/** No beat is there for five minutes, by the clock: what each policy makes of the slots that came meanwhile. */
import { setTimeout as wait } from 'node:timers/promises';
import { expect, it } from 'vitest';
import {
  createRegistry,
  defineSchedule,
  type MissedPolicy,
  putSchedule,
  readSchedule,
} from '../../../worker/runtime/index.ts';
import { defaultTenantId } from '../../../worker/services/tenants/tenants.ts';
import { sampleTasks } from '../../../worker/tasks/sample/sample-tasks.ts';
import { postgresServer } from '../../harness/postgres.ts';
import { openStage, type Stage, type StageProcess } from '../../harness/stage.ts';
import { until } from '../../harness/until.ts';

const awaySeconds = 300;
const oftenSeconds = 10;
/** From the start of a process to its first claim, at most. */
const startSeconds = 20;
/** A slot that is later than this is missed. */
const missedAfterSeconds = 60;
const firedMs = 60_000;
const registry = createRegistry(sampleTasks);

interface Slot {
  /** Seconds since 1970. */
  readonly slot: number;
  readonly late: number;
  readonly fired_by: string;
  /** Seconds that its task was given before it expires. */
  readonly expires: number;
}

const put = (stage: Stage, name: string, everySeconds: number, missed: MissedPolicy) =>
  putSchedule(stage.db, registry, defaultTenantId, defineSchedule({ name, task: 'sample_noop', everySeconds, missed }));

const slotsOf = (stage: Stage, name: string) =>
  stage.db.query<Slot>(
    `select extract(epoch from f.slot)::int as slot, extract(epoch from f.fired_at - f.slot)::float8 as late, f.fired_by,
            extract(epoch from t.expires_at - t.accepted_at)::float8 as expires
       from schedule_slots f join schedules s on s.id = f.schedule_id join tasks t on t.id = f.task_id
      where s.name = $1 order by f.slot`,
    [name],
  );

/** Slots of a schedule that one beat fired. */
const slotsBy = async (stage: Stage, name: string, { pid }: StageProcess) =>
  (await slotsOf(stage, name)).filter(({ fired_by }) => fired_by.endsWith(`:${pid}`));

const missedOf = async (stage: Stage, name: string) =>
  (await readSchedule(stage.db, defaultTenantId, name))?.slots_missed;

/** An interval whose newest slot is long missed at that time, and whose next one is not due for a while, as when the beat goes. */
function rareSeconds(at: number): number {
  const between = (every: number, moment: number, least: number) =>
    moment % every > least && every - (moment % every) > startSeconds;
  for (let every = 120; every < awaySeconds / 2; every += 1)
    if (between(every, at, missedAfterSeconds + startSeconds) && between(every, at - awaySeconds, 2)) return every;
  throw new Error(`no interval below ${awaySeconds / 2} s fits ${at}`);
}

it('should leave out, make up for the newest, or make up for all of five minutes, as the schedule says', async () => {
  await using postgres = await postgresServer.start();
  await using stage = await openStage({ postgres });
  const first = await stage.start('beat');
  for (const missed of ['skip', 'latest', 'all'] as const) await put(stage, `often-${missed}`, oftenSeconds, missed);
  await until('slots are fired', firedMs, async () => {
    const fired = await Promise.all(['skip', 'latest', 'all'].map((missed) => slotsOf(stage, `often-${missed}`)));
    return fired.every((slots) => slots.length > 0);
  });
  const backAt = Math.round(Date.now() / 1000) + awaySeconds;
  const rare = rareSeconds(backAt);
  await put(stage, 'rare-skip', rare, 'skip');
  await first.kill();
  await wait(backAt * 1000 - Date.now());
  const second = await stage.start('beat');
  await until('slots are fired again', firedMs, async () => {
    const fired = await Promise.all(
      ['skip', 'latest', 'all'].map((missed) => slotsBy(stage, `often-${missed}`, second)),
    );
    return fired.every((slots) => slots.length > 0);
  });

  // all: none is missing, each once, and each with the time that it would have had
  const all = await slotsOf(stage, 'often-all');
  expect(all.map(({ slot }) => slot)).toEqual(all.map((_, n) => (all[0]?.slot ?? 0) + n * oftenSeconds));
  const madeUp = all.filter(({ late }) => late > oftenSeconds);
  expect(madeUp.length).toBeGreaterThanOrEqual(awaySeconds / oftenSeconds - 2);
  for (const { expires } of madeUp) expect(expires).toBeCloseTo(oftenSeconds, 1);
  expect(await missedOf(stage, 'often-all')).toBe(0);

  // latest, and skip where the newest is on time: that one, and the others are counted
  for (const name of ['often-latest', 'often-skip']) {
    const slots = await slotsOf(stage, name);
    const back = slots.findIndex(({ fired_by }) => fired_by.endsWith(`:${second.pid}`));
    expect(slots[back]?.late).toBeLessThan(oftenSeconds + 5);
    const gap = ((slots[back]?.slot ?? 0) - (slots[back - 1]?.slot ?? 0)) / oftenSeconds;
    expect(gap).toBeGreaterThanOrEqual(awaySeconds / oftenSeconds - 2);
    expect(await missedOf(stage, name)).toBe(gap - 1);
  }

  // skip where the newest is late: none of them, and the next one on time
  const slotsMissed = Math.floor(backAt / rare) - Math.floor((backAt - awaySeconds) / rare);
  expect(slotsMissed).toBeGreaterThanOrEqual(2);
  await until('it goes on', (rare + startSeconds) * 1000, async () => (await slotsOf(stage, 'rare-skip')).length > 0);
  const [next] = await slotsOf(stage, 'rare-skip');
  expect(next?.slot).toBe((Math.floor(backAt / rare) + 1) * rare);
  expect(next?.late).toBeLessThan(5);
  expect(await missedOf(stage, 'rare-skip')).toBe(slotsMissed);
});
