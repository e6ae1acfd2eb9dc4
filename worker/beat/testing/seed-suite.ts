import { beforeEach, expect, it } from 'vitest';
import { z } from 'zod';
import type { Database } from '../../db/index.ts';
import {
  createRegistry,
  type DefinedSchedule,
  defineSchedule,
  defineTask,
  listSchedules,
  putSchedule,
  setSchedulePaused,
  stateOf,
} from '../../runtime/index.ts';
import { checkDefinitions, seedSchedules, settleSchedules } from '../seed.ts';

const tenantId = '00000000-0000-7000-8000-00000000000a';
const task = defineTask({
  name: 'test_clean',
  queue: 'retention',
  description: 'Cleans.',
  payload: z.strictObject({ days: z.int().optional() }),
  handle: async () => null,
});
const registry = createRegistry([task]);
const clean = defineSchedule({ name: 'clean', task: 'test_clean', cron: '0 3 * * *', payload: { days: 7 } });
const unbuilt = defineSchedule({ name: 'later', task: 'later_task', everySeconds: 60, source: 'platform' });

/** Schedules of code, on a database of the caller's. */
export function seedSuite(opened: () => Database): void {
  let db: Database;
  beforeEach(async () => {
    db = opened();
    await db.query('delete from schedules');
  });

  const seed = (definitions: readonly DefinedSchedule[], tasks = registry) =>
    seedSchedules({ db, registry: tasks, tenantId }, definitions);
  const settle = (definitions: readonly DefinedSchedule[], tasks = registry) =>
    settleSchedules({ db, registry: tasks, tenantId }, definitions);
  const listed = async () =>
    (await listSchedules(db, tenantId, {}, undefined, 50)).schedules.map((row) => ({ ...row, state: stateOf(row) }));

  it('should be listed with their next slot, and those without a task or flag as such, without one', async () => {
    await seed([clean, unbuilt, { ...clean, name: 'off', enabled: false }]);
    expect(await listed()).toMatchObject([
      { name: 'clean', state: 'active', source: 'code', payload: { days: 7 }, next_slot: expect.any(Date) },
      { name: 'later', state: 'not_built', source: 'platform', next_slot: null, next_at: null },
      { name: 'off', state: 'disabled', next_slot: null },
    ]);
  });

  it('should stay as they are when they are seeded again, paused ones too', async () => {
    await seed([clean, unbuilt]);
    await setSchedulePaused(db, tenantId, 'clean', true);
    const before = await listed();
    await seed([clean, unbuilt]);
    expect(await listed()).toEqual(before);
  });

  it('should stay as they are also when the database keeps the names of a payload in another order', async () => {
    const wide = defineTask({
      name: 'test_wide',
      queue: 'retention',
      description: 'Takes two.',
      payload: z.strictObject({ later: z.int(), at: z.int() }),
      handle: async () => null,
    });
    const both = createRegistry([task, wide]);
    const schedule = defineSchedule({
      name: 'wide',
      task: 'test_wide',
      everySeconds: 60,
      payload: { later: 1, at: 2 },
    });
    await seed([schedule], both);
    const before = await listed();
    await seed([schedule], both);
    expect(await listed()).toEqual(before);
  });

  it('should change as the code does, and keep a slot that is due when only their payload does', async () => {
    await seed([clean]);
    await db.query(
      `update schedules set next_slot = '2020-01-01T03:00Z', next_at = '2020-01-01T03:00Z', slots_fired = 5`,
    );
    await seed([{ ...clean, payload: { days: 30 }, missed: 'all' }]);
    expect(await listed()).toMatchObject([
      { payload: { days: 30 }, missed: 'all', slots_fired: 5, next_slot: new Date('2020-01-01T03:00Z') },
    ]);
    await seed([{ ...clean, timing: { everySeconds: 60 } }]);
    const [moved] = await listed();
    expect(moved).toMatchObject({ cron: null, every_seconds: 60, slots_fired: 5 });
    expect(Number(moved?.next_slot)).toBeGreaterThan(Date.now() - 5000);
    await seed([{ ...clean, enabled: false }]);
    expect(await listed()).toMatchObject([{ state: 'disabled', next_slot: null }]);
  });

  it('should come to life when their task is part of a release, also those of calls', async () => {
    const later = createRegistry([task, { ...task, name: 'later_task' }]);
    await seed([unbuilt]);
    await putSchedule(db, later, tenantId, defineSchedule({ name: 'own', task: 'later_task', everySeconds: 60 }));
    await db.query(`update schedules set built = false, next_slot = null, next_at = null where name = 'own'`);
    await settle([unbuilt]);
    expect((await listed()).map(({ state }) => state)).toEqual(['not_built', 'not_built']);
    await seed([unbuilt], later);
    await settle([unbuilt], later);
    expect(await listed()).toMatchObject([
      { name: 'later', state: 'active', next_slot: expect.any(Date) },
      { name: 'own', state: 'active', next_slot: expect.any(Date) },
    ]);
  });

  it('should come to life beside one whose time zone is not known here, which stands still and is told', async () => {
    const later = createRegistry([task, { ...task, name: 'later_task' }]);
    for (const name of ['broken', 'own'])
      await putSchedule(db, later, tenantId, defineSchedule({ name, task: 'later_task', cron: '0 3 * * *' }));
    await db.query('update schedules set built = false, next_slot = null, next_at = null');
    await db.query(`update schedules set timezone = 'Nowhere/None' where name = 'broken'`);
    const faults: string[] = [];
    await settleSchedules({ db, registry: later, tenantId, onFault: (name) => faults.push(name) }, []);
    expect(faults).toEqual(['broken']);
    expect(await listed()).toMatchObject([
      { name: 'broken', next_slot: null },
      { name: 'own', next_slot: expect.any(Date) },
    ]);
  });

  it('should go when code no longer defines them; those of calls stay', async () => {
    await seed([clean, unbuilt]);
    await putSchedule(db, registry, tenantId, defineSchedule({ name: 'own', task: 'test_clean', everySeconds: 60 }));
    await settle([unbuilt]);
    expect((await listed()).map(({ name }) => name)).toEqual(['later', 'own']);
  });

  it('should be refused together, each fault named, when they cannot be kept', () => {
    const bad = (name: string, change: object) => ({ ...clean, name, ...change });
    expect(() =>
      checkDefinitions(
        [
          clean,
          clean,
          unbuilt,
          bad('no-task', { task: 'none' }),
          bad('bad-payload', { payload: { days: 'x' } }),
          bad('bad-cron', { timing: { cron: '* *', timezone: 'UTC' } }),
        ],
        registry,
        new Date(),
      ),
    ).toThrow(/two schedules are named clean\n {2}no-task: .*\n {2}bad-payload: .*\n {2}bad-cron: /);
    expect(() => checkDefinitions([clean, unbuilt], registry, new Date())).not.toThrow();
  });
}
