import { pino } from 'pino';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Database, migrate, openPglite } from '../../db/index.ts';
import type { TaskContext } from '../../runtime/index.ts';
import type { TaskServices } from '../../services/task-services.ts';
import { queueMonitor } from './queue-monitor.ts';

let db: Database;
beforeAll(async () => {
  db = await openPglite(undefined);
  await migrate(db);
}, 60_000);
afterAll(() => db.close());

const fill = (queue: string, waiting: number, running = 0) =>
  db.query(
    `insert into tasks_live (id, tenant_id, name, queue, payload, status, due_at)
     select gen_random_uuid(), gen_random_uuid(), 'x', $1, '{}', case when n <= $3::int then 'RUNNING' else 'PENDING' end,
            now() - interval '90 s' from generate_series(1, $2::int + $3::int) as n`,
    [queue, waiting, running],
  );

it('should tell of each queue over the threshold once, and once more when it is over', async () => {
  const lines: { level: number; queue: string; msg: string; consumers: number; oldest_seconds: number }[] = [];
  const context: Pick<TaskContext, 'log' | 'effect'> = {
    log: pino({}, { write: (line) => void lines.push(JSON.parse(line)) }),
    effect: (_step, work) => db.tx(work),
  };
  let countNotDurable: TaskServices['countNotDurable'] = async () => new Map();
  const look = async () => {
    lines.length = 0;
    const services: Pick<TaskServices, 'db' | 'countNotDurable'> = { db, countNotDurable };
    const task = queueMonitor(services as TaskServices);
    const result = await task.run(context as TaskContext, { threshold: 3 });
    return { result, told: lines.map(({ level, queue }) => [level, queue]) };
  };
  await db.query(
    `insert into workers (id, name, mode, queues, slots) values (gen_random_uuid(), 'w', 'worker', '{mail,dataset}', 4)`,
  );
  await fill('mail', 3);
  await fill('plugin', 2, 5);
  expect(await look()).toEqual({
    result: {
      queues: [
        { queue: 'mail', waiting: 3, oldestSeconds: 90, consumers: 1 },
        { queue: 'plugin', waiting: 2, oldestSeconds: 90, consumers: 0 },
      ],
      raised: ['mail'],
      ended: [],
    },
    told: [[40, 'mail']],
  });
  expect(lines[0]).toMatchObject({ consumers: 1, oldest_seconds: 90, threshold: 3 });
  await fill('plugin', 1);
  expect((await look()).told).toEqual([[40, 'plugin']]);
  expect((await look()).told).toEqual([]);
  expect(await db.query('select queue, waiting from queue_alerts order by queue')).toEqual([
    { queue: 'mail', waiting: 3 },
    { queue: 'plugin', waiting: 3 },
  ]);
  // what is to wait is no backlog: for its time, or for others of its flow
  await fill('retention', 4);
  await db.query(`update tasks_live set due_at = now() + interval '1 hour' where queue = 'retention'`);
  await fill('ops_trace', 4);
  await db.query(`update tasks_live set due_at = 'infinity' where queue = 'ops_trace'`);
  const later = await look();
  expect(later.told).toEqual([]);
  expect(later.result).toMatchObject({ queues: [{ queue: 'mail' }, { queue: 'plugin' }] });
  await db.query(`delete from tasks_live where queue = 'mail'`);
  expect((await look()).told).toEqual([[30, 'mail']]);
  expect((await look()).told).toEqual([]);

  // those that are not durable stand in Redis alone
  countNotDurable = async () => new Map([['app_deletion' as const, 3]]);
  expect(await look()).toMatchObject({ told: [[40, 'app_deletion']] });
  expect(lines[0]).toMatchObject({ waiting: 3, oldest_seconds: 0 });
  // a Redis that says nothing ends no alert: the look is tried again
  countNotDurable = async () => {
    throw new Error('redis gave no answer');
  };
  await expect(look()).rejects.toThrow('redis gave no answer');
  expect(await db.query(`select from queue_alerts where queue = 'app_deletion'`)).toHaveLength(1);
});
