import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { type Database, migrate, openPglite } from '../../db/index.ts';
import { defineTask } from '../define-task.ts';
import { createLeaver } from '../enqueue.ts';
import { createRegistry } from '../registry.ts';
import { deleteSchedule, putSchedule, runScheduleNow, setSchedulePaused } from './change.ts';
import { defineSchedule } from './define-schedule.ts';
import { firedSlots, listSchedules, readSchedule } from './read.ts';
import { stateOf } from './rows.ts';

const tenant = '00000000-0000-7000-8000-00000000000a';
const other = '00000000-0000-7000-8000-00000000000b';
const registry = createRegistry([
  defineTask({
    name: 'test_report',
    queue: 'retention',
    description: 'Reports.',
    payload: z.strictObject({ day: z.string().optional() }),
    handle: async () => null,
  }),
]);
const enqueuer = {
  within: async (...[tx, requests]: Parameters<ReturnType<typeof createLeaver>['leave']>) => ({
    accepted: await createLeaver(registry).leave(tx, requests),
    handOver: async () => undefined,
  }),
};
const hourly = (name: string) => defineSchedule({ name, task: 'test_report', cron: '0 * * * *' });

describe('schedules in the database', () => {
  let db: Database;
  beforeAll(async () => {
    db = await openPglite(undefined);
    await migrate(db);
  }, 60_000);
  afterAll(() => db.close());

  const code = (work: Promise<unknown>) =>
    work.then(
      () => 'done',
      (error: { code?: string }) => error.code,
    );

  it('should make a schedule with its next slot, and find it in its tenant only', async () => {
    const { row, created } = await putSchedule(db, registry, tenant, hourly('made'));
    expect(created).toBe(true);
    expect(row).toMatchObject({ source: 'api', cron: '0 * * * *', timezone: 'UTC', missed: 'latest', payload: {} });
    expect(row.next_slot?.getTime()).toBe((Math.floor(Date.now() / 3_600_000) + 1) * 3_600_000);
    expect((await readSchedule(db, tenant, 'made'))?.id).toBe(row.id);
    expect(await readSchedule(db, other, 'made')).toBeUndefined();
    expect(await setSchedulePaused(db, other, 'made', true)).toBeUndefined();
    expect(await deleteSchedule(db, other, 'made')).toBe(false);
    expect(await runScheduleNow(db, enqueuer, { tenantId: other, name: 'made', taskId: row.id, by: 'x' })).toBe(
      undefined,
    );
    expect(await firedSlots(db, { id: row.id, tenant_id: other }, 5)).toEqual([]);
  });

  it('should change a schedule and keep its next slot when its times are the same', async () => {
    await putSchedule(db, registry, tenant, hourly('changed'));
    await db.query(
      `update schedules set next_slot = '2020-01-01T00:00Z', next_at = '2020-01-01T00:00Z' where name = 'changed'`,
    );
    const payload = { day: 'monday' };
    const same = await putSchedule(db, registry, tenant, { ...hourly('changed'), payload, priority: 7 });
    expect(same).toMatchObject({ created: false, row: { payload, priority: 7, revision: 1 } });
    expect(same.row.next_slot?.toISOString()).toBe('2020-01-01T00:00:00.000Z');
    const moved = await putSchedule(db, registry, tenant, {
      ...hourly('changed'),
      timing: { everySeconds: 600 },
      jitterSeconds: 60,
    });
    expect(moved.row.cron).toBeNull();
    expect(moved.row.next_slot?.getTime()).toBe((Math.floor(Date.now() / 600_000) + 1) * 600_000);
    const waits = Number(moved.row.next_at) - Number(moved.row.next_slot);
    expect(waits).toBeGreaterThanOrEqual(0);
    expect(waits).toBeLessThan(60_000);
  });

  it('should fire nothing of a paused schedule, also when it is changed, and go on from now when it is resumed', async () => {
    await putSchedule(db, registry, tenant, hourly('paused'));
    const paused = await setSchedulePaused(db, tenant, 'paused', true);
    expect(paused && stateOf(paused)).toBe('paused');
    expect(paused?.next_at).toBeNull();
    const { row } = await putSchedule(db, registry, tenant, { ...hourly('paused'), timing: { everySeconds: 60 } });
    expect(row).toMatchObject({ paused: true, next_slot: null, next_at: null });
    const resumed = await setSchedulePaused(db, tenant, 'paused', false);
    expect(resumed?.next_slot?.getTime()).toBeGreaterThan(Date.now() - 5000);
    expect(await setSchedulePaused(db, tenant, 'none', false)).toBeUndefined();
  });

  it('should run a schedule by hand once a task id, paused or not, and say so in the list of what it fired', async () => {
    const { row } = await putSchedule(db, registry, tenant, { ...hourly('by-hand'), queue: 'mail', priority: 9 });
    await setSchedulePaused(db, tenant, 'by-hand', true);
    const taskId = '00000000-0000-7000-8000-0000000000c1';
    const now = { tenantId: tenant, name: 'by-hand', taskId, by: 'api' };
    expect(await runScheduleNow(db, enqueuer, now)).toMatchObject({ id: taskId, created: true });
    expect(await runScheduleNow(db, enqueuer, now)).toMatchObject({ id: taskId, created: false });
    expect(await db.query('select name, queue, priority, tenant_id from tasks where id = $1', [taskId])).toEqual([
      { name: 'test_report', queue: 'mail', priority: 9, tenant_id: tenant },
    ]);
    expect(await firedSlots(db, row, 5)).toMatchObject([
      { task_id: taskId, by_hand: true, fired_by: 'api', term: null },
    ]);
  });

  it('should refuse what cannot be kept, and say why', async () => {
    const put = (change: object) => code(putSchedule(db, registry, tenant, { ...hourly('bad'), ...change }));
    expect(await put({ timing: { cron: '61 * * * *', timezone: 'UTC' } })).toBe('schedule_invalid');
    expect(await put({ timing: { cron: '0 0 30 2 *', timezone: 'UTC' } })).toBe('schedule_invalid');
    expect(await put({ timing: { cron: '* * *', timezone: 'UTC' } })).toBe('schedule_invalid');
    expect(await put({ timing: { cron: '0 * * * *', timezone: 'Mars/Olympus' } })).toBe('schedule_invalid');
    expect(await put({ timing: { cron: '0 * * * *', timezone: '+02:00' } })).toBe('schedule_invalid');
    expect(await put({ timing: { everySeconds: 0.5 } })).toBe('schedule_invalid');
    expect(await put({ timing: { everySeconds: 60 }, jitterSeconds: 60 })).toBe('schedule_invalid');
    expect(await put({ name: 'no name' })).toBe('schedule_invalid');
    expect(await put({ task: 'none' })).toBe('task_unknown');
    expect(await put({ payload: { day: 1 } })).toBe('payload_invalid');
    expect(await readSchedule(db, tenant, 'bad')).toBeUndefined();
  });

  it('should change and delete only what was made by a call', async () => {
    await putSchedule(db, registry, tenant, hourly('of-code'));
    await db.query(`update schedules set source = 'code' where name = 'of-code'`);
    expect(await code(putSchedule(db, registry, tenant, hourly('of-code')))).toBe('schedule_fixed');
    expect(await code(deleteSchedule(db, tenant, 'of-code'))).toBe('schedule_fixed');
    await putSchedule(db, registry, tenant, hourly('of-api'));
    expect(await deleteSchedule(db, tenant, 'of-api')).toBe(true);
    expect(await deleteSchedule(db, tenant, 'of-api')).toBe(false);
  });

  it('should list by name, in pages, and by state', async () => {
    for (const name of ['b', 'a', 'c']) await putSchedule(db, registry, other, hourly(name));
    await setSchedulePaused(db, other, 'b', true);
    const first = await listSchedules(db, other, {}, undefined, 2);
    expect(first).toMatchObject({ schedules: [{ name: 'a' }, { name: 'b' }], next: 'b' });
    expect(await listSchedules(db, other, {}, first.next, 2)).toMatchObject({
      schedules: [{ name: 'c' }],
      next: undefined,
    });
    expect(
      (await listSchedules(db, other, { state: 'paused' }, undefined, 9)).schedules.map((row) => row.name),
    ).toEqual(['b']);
    expect((await listSchedules(db, other, { task: 'none' }, undefined, 9)).schedules).toEqual([]);
  });
});
