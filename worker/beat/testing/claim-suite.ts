import { beforeEach, expect, it } from 'vitest';
import { z } from 'zod';
import type { Database } from '../../db/index.ts';
import {
  createLeaver,
  createRegistry,
  defineSchedule,
  defineTask,
  type MissedPolicy,
  putSchedule,
  readSchedule,
  type ScheduleRow,
  setSchedulePaused,
} from '../../runtime/index.ts';
import { claimSlots, planDueRows, readDue } from '../claim.ts';
import { acquire, endLease, type Lease, NotLeaderError, release, renew } from '../lease.ts';
import type { PlannedRow } from '../plan.ts';

const tenant = '00000000-0000-7000-8000-00000000000a';
const beats = ['00000000-0000-7000-8000-0000000000b1', '00000000-0000-7000-8000-0000000000b2'] as const;
const registry = createRegistry([
  defineTask({
    name: 'test_poll',
    queue: 'schedule_poller',
    description: 'Polls.',
    payload: z.strictObject({ n: z.number().optional() }),
    handle: async () => null,
  }),
]);
const leaver = createLeaver(registry);
const enqueuer: Parameters<typeof claimSlots>[0]['enqueuer'] = {
  within: async (tx, requests) => ({ accepted: await leaver.leave(tx, requests), handOver: async () => undefined }),
};

/** Claims of slots, on a database of the caller's. */
export function claimSuite(opened: () => Database): void {
  let db: Database;
  let lease: Lease;
  beforeEach(async () => {
    db = opened();
    await db.query('delete from schedules');
    await db.query('delete from schedule_slots');
    await db.query('delete from tasks_live');
    lease = await lead(0);
  });

  const lapse = () => endLease(db);
  const lead = async (beat: 0 | 1): Promise<Lease> => {
    await lapse();
    const taken = await acquire(db, beats[beat], `beat-${beat}`);
    if (!taken) throw new Error('nobody leads, and the lead was not given');
    return taken;
  };
  const make = (name: string, change: Partial<Parameters<typeof putSchedule>[3]> = {}) =>
    putSchedule(db, registry, tenant, {
      ...defineSchedule({ name, task: 'test_poll', everySeconds: 3600 }),
      ...change,
    });
  /** Sets the clock of a schedule, so to say: its next slot is so many hours ago, at the full hour. */
  const moveBack = (name: string, hours: number) =>
    db.query(
      `update schedules set next_slot = date_trunc('hour', now()) - make_interval(hours => $2),
              next_at = date_trunc('hour', now()) - make_interval(hours => $2) where name = $1`,
      [name, hours],
    );
  const due = () => readDue(db, 1500, 1000);
  const plan = async (): Promise<PlannedRow[]> => {
    for await (const planned of planDueRows(await due(), registry)) return planned;
    return [];
  };
  const fire = async (by = lease) => (await claimSlots({ db, enqueuer, registry }, by, await plan())).fired;
  const row = async (name: string): Promise<ScheduleRow> => {
    const found = await readSchedule(db, tenant, name);
    if (!found) throw new Error(`there is no schedule ${name}`);
    return found;
  };
  const slots = () =>
    db.query<{ name: string; slot: Date; task_id: string; fired_by: string; term: number }>(
      `select s.name, f.slot, f.task_id, f.fired_by, f.term from schedule_slots f join schedules s on s.id = f.schedule_id order by f.slot`,
    );
  const tasks = () =>
    db.query<{ id: string; name: string; tenant_id: string; expires: number | null }>(
      `select id, name, tenant_id, extract(epoch from expires_at - accepted_at)::float8 as expires from tasks order by id`,
    );

  it('should fire a due slot once: its task in the ledger, the slot recorded, the schedule moved on', async () => {
    await make('hourly');
    expect(await fire()).toEqual([]);
    await moveBack('hourly', 0);
    expect(await fire()).toHaveLength(1);
    expect(await fire()).toEqual([]);
    const [task] = await tasks();
    const [slot] = await slots();
    expect(task).toMatchObject({ name: 'test_poll', tenant_id: tenant });
    expect(slot).toMatchObject({ name: 'hourly', task_id: task?.id, fired_by: 'beat-0', term: lease.term });
    const after = await row('hourly');
    expect(after).toMatchObject({ slots_fired: 1, slots_missed: 0, last_task_id: task?.id, last_fired_by: 'beat-0' });
    expect(after.last_slot).toEqual(slot?.slot);
    expect(after.last_lateness).toBeGreaterThan(0);
    expect(Number(after.next_slot) - Number(after.last_slot)).toBe(3_600_000);
    // until the next one is due
    expect(Math.abs((task?.expires ?? 0) - (Number(after.next_at) - Number(after.last_fired_at)) / 1000)).toBeLessThan(
      1,
    );
  });

  it('should not let what a slot sent expire where the schedule says so', async () => {
    await make('patient', { expires: false });
    await moveBack('patient', 0);
    await fire();
    expect(await tasks()).toMatchObject([{ expires: null }]);
  });

  it.each([
    ['skip', 0, 5],
    ['latest', 1, 4],
    ['all', 5, 0],
  ] as const)('should make up for missed slots as the schedule says: %s', async (missed: MissedPolicy, fired, left) => {
    await make(missed, { missed });
    await moveBack(missed, 4);
    // within the first minute of an hour its own slot is on time
    const onTime = missed === 'skip' && new Date().getUTCMinutes() === 0;
    expect(await fire()).toHaveLength(onTime ? 1 : fired);
    expect(await row(missed)).toMatchObject({ slots_fired: onTime ? 1 : fired, slots_missed: onTime ? 4 : left });
    expect((await slots()).length).toBe(onTime ? 1 : fired);
    expect(await fire()).toEqual([]);
  });

  it('should fire nothing for a leader whose lease is over, and nothing after another has taken over', async () => {
    await make('fenced');
    await moveBack('fenced', 0);
    const planned = await plan();
    const claim = () => claimSlots({ db, enqueuer, registry }, lease, planned);
    await lapse();
    await expect(claim()).rejects.toBeInstanceOf(NotLeaderError);
    expect(await renew(db, lease)).toBe(false);
    const next = await lead(1);
    expect(next.term).toBe(lease.term + 1);
    await expect(claim()).rejects.toBeInstanceOf(NotLeaderError);
    expect([await tasks(), await slots()]).toEqual([[], []]);
    expect((await row('fenced')).slots_fired).toBe(0);
    expect(await fire(next)).toHaveLength(1);
  });

  it('should give the lead to one at a time: while its lease runs, and to another when it is given up', async () => {
    expect(await acquire(db, beats[1], 'beat-1')).toBeUndefined();
    expect(await renew(db, lease)).toBe(true);
    await release(db, lease);
    expect(await acquire(db, beats[1], 'beat-1')).toMatchObject({ term: lease.term + 1 });
    expect(await renew(db, lease)).toBe(false);
    // the lead of somebody else cannot be given up
    await release(db, lease);
    expect(await acquire(db, beats[0], 'beat-0')).toBeUndefined();
  });

  it('should give the lead again, in a new term, to a holder that did not hear of the one it has', async () => {
    const again = await acquire(db, beats[0], 'beat-0');
    expect(again).toMatchObject({ term: lease.term + 1 });
    expect(await renew(db, lease)).toBe(false);
    expect(await acquire(db, beats[1], 'beat-1')).toBeUndefined();
  });

  it('should not fire what was changed, paused or deleted after it was planned', async () => {
    for (const name of ['changed', 'paused', 'deleted', 'kept']) {
      await make(name);
      await moveBack(name, 0);
    }
    const planned = await plan();
    expect(planned).toHaveLength(4);
    await make('changed', { timing: { everySeconds: 7200 } });
    await setSchedulePaused(db, tenant, 'paused', true);
    await db.query(`delete from schedules where name = 'deleted'`);
    await claimSlots({ db, enqueuer, registry }, lease, planned);
    expect((await slots()).map(({ name }) => name)).toEqual(['kept']);
    expect(await tasks()).toHaveLength(1);
  });

  it('should not fire a slot again, whatever its schedule is set to', async () => {
    await make('again', { missed: 'all' });
    await moveBack('again', 2);
    expect(await fire()).toHaveLength(3);
    await moveBack('again', 2);
    expect(await fire()).toEqual([]);
    expect(Number((await row('again')).next_slot)).toBeGreaterThan(Date.now());
    // also when the schedule has forgotten
    await moveBack('again', 2);
    await db.query('update schedules set last_slot = null');
    expect(await fire()).toEqual([]);
    expect(await tasks()).toHaveLength(3);
  });

  it('should pass over what cannot become a task, and fire the others', async () => {
    for (const name of ['good', 'bad-payload', 'bad-queue', 'bad-cron', 'no-task']) {
      await make(name);
      await moveBack(name, 0);
    }
    await db.query(`update schedules set payload = '{"n": "text"}' where name = 'bad-payload'`);
    await db.query(`update schedules set queue = 'nowhere' where name = 'bad-queue'`);
    await db.query(`update schedules set cron = 'never', every_seconds = null where name = 'bad-cron'`);
    await db.query(`update schedules set task = 'gone_task' where name = 'no-task'`);
    const planned = await plan();
    expect(planned.filter(({ fault }) => fault !== undefined)).toHaveLength(4);
    await claimSlots({ db, enqueuer, registry }, lease, planned);
    expect((await slots()).map(({ name }) => name)).toEqual(['good']);
    expect(await row('bad-payload')).toMatchObject({ slots_fired: 0, slots_missed: 1, built: true });
    expect((await row('bad-payload')).next_slot).not.toBeNull();
    expect(await row('bad-cron')).toMatchObject({ next_slot: null });
    expect(await row('no-task')).toMatchObject({ built: false, next_slot: null });
    expect(await plan()).toEqual([]);
  });

  it('should claim a thousand at a time', async () => {
    await make('many');
    await db.query(
      `insert into schedules (id, tenant_id, name, source, task, every_seconds, next_slot, next_at)
       select gen_random_uuid(), tenant_id, 'many-' || n, 'api', task, every_seconds, date_trunc('hour', now()), date_trunc('hour', now())
         from schedules, generate_series(1, 1200) as n`,
    );
    expect(await fire()).toHaveLength(1000);
    expect(await fire()).toHaveLength(200);
    expect(await fire()).toHaveLength(0);
    expect((await tasks()).length).toBe(1200);
  });

  it('should know when the next slot is due', async () => {
    await make('soon');
    await db.query(`update schedules set next_at = now() + interval '0.8 s'`);
    const { rows, nextInMs } = await due();
    expect(rows).toEqual([]);
    expect(nextInMs).toBeGreaterThan(100);
    expect(nextInMs).toBeLessThanOrEqual(800);
  });
}
