import fc from 'fast-check';
import { validate, version } from 'uuid';
import { expect, it } from 'vitest';
import { queueNames } from '../queues.ts';
import { bullPriority, foreignTaskId, jobMetaSchema, jobOf } from './job.ts';

/** BullMQ's own limit (PRIORITY_LIMIT). */
const bullLimit = 2 ** 21;
const priority = fc.integer({ min: 1, max: 9 });
const place = fc.nat(199_999);

it('should put high priorities first, then early places, and stay within what BullMQ takes', () => {
  fc.assert(
    fc.property(priority, priority, place, place, (one, other, here, there) => {
      const [first, second] = [bullPriority(one, here), bullPriority(other, there)];
      for (const value of [first, second]) {
        expect(value).toBeGreaterThanOrEqual(1);
        expect(value).toBeLessThan(bullLimit);
      }
      if (one !== other) expect(first < second).toBe(one > other);
      else if (here !== there) expect(first < second).toBe(here < there);
      else expect(first).toBe(second);
    }),
  );
});

it('should run 9 first and 1 last', () => {
  expect([9, 8, 5, 1].map((p) => bullPriority(p))).toEqual([1, 200_001, 800_001, 1_600_001]);
});

const row = {
  id: '0190a7c2-0000-7000-8000-000000000001',
  name: 'sample_noop',
  queue: 'fast_tasks',
  tenantId: '00000000-0000-7000-8000-000000000001',
  userId: undefined,
  payload: { a: 1 },
  priority: 7,
  place: 3,
  epoch: 0,
} as const;

it('should make a job with the id of its row, that BullMQ neither tries again nor keeps', () => {
  expect(jobOf(row)).toEqual({
    name: 'sample_noop',
    data: { payload: { a: 1 }, meta: { v: 1, origin: 'ledger', tenant_id: row.tenantId } },
    opts: { jobId: row.id, priority: bullPriority(7, 3), attempts: 1, removeOnComplete: true, removeOnFail: true },
  });
  const { meta } = jobOf({ ...row, userId: 'u1' }).data;
  expect(jobMetaSchema.parse(meta)).toEqual({ v: 1, origin: 'ledger', tenant_id: row.tenantId, user_id: 'u1' });
});

const queue = fc.constantFrom(...queueNames);

it('should give a foreign job a UUID that is the same whenever the job comes again', () => {
  fc.assert(
    fc.property(queue, fc.string({ unit: 'binary' }), fc.nat(), (name, id, timestamp) => {
      const made = foreignTaskId(name, id, timestamp);
      expect(validate(made)).toBe(true);
      expect(foreignTaskId(name, id, timestamp)).toBe(made);
    }),
  );
  // these stand in databases
  expect(foreignTaskId('mail', '1', 1_700_000_000_000)).toBe('0dd0c633-a274-5552-af4b-c11cbd733303');
});

it('should tell jobs apart by queue, id and time, for BullMQ counts its own ids from 1 in each queue', () => {
  const ids = [
    foreignTaskId('mail', '1', 5),
    foreignTaskId('mail', '2', 5),
    foreignTaskId('mail', '1', 6),
    foreignTaskId('plugin', '1', 5),
  ];
  expect(new Set(ids).size).toBe(4);
  for (const id of ids) expect(version(id)).toBe(5);
});

it('should keep an id that is a UUID, written as Postgres writes it', () => {
  expect(foreignTaskId('mail', row.id, 5)).toBe(row.id);
  expect(foreignTaskId('mail', row.id.toUpperCase(), 5)).toBe(row.id);
});
