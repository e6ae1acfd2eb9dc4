/** The queue monitor on each topology: real queues that fill and drain, an alert once for each, and once more when it is over. */
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { type Health, healthOf } from '../../harness/beats.ts';
import { openStage, type Stage, type StageProcess } from '../../harness/stage.ts';
import { suiteServers } from '../../harness/suite-servers.ts';
import { topologyNames } from '../../harness/topologies.ts';
import { until } from '../../harness/until.ts';

const threshold = 3;
const lookedMs = 30_000;
const drainedMs = 60_000;
const env = {
  ENABLE_DATASETS_QUEUE_MONITOR: 'true',
  QUEUE_MONITOR_THRESHOLD: String(threshold),
  // no slot of its own comes during the test
  QUEUE_MONITOR_INTERVAL: '1440',
};

const lineSchema = z.object({
  /** As pino numbers them: 30 info, 40 warn. */
  level: z.int(),
  queue: z.string(),
  waiting: z.int(),
  oldest_seconds: z.int(),
  consumers: z.int(),
  threshold: z.int(),
  msg: z.string(),
});
const resultSchema = z.object({
  raised: z.array(z.string()),
  ended: z.array(z.string()),
  queues: z.array(z.object({ queue: z.string(), waiting: z.int(), oldestSeconds: z.int(), consumers: z.int() })),
});
const runSchema = z.object({ task_id: z.string() });

/** Lines of the worker's log about queues and their threshold. */
const told = (worker: StageProcess) =>
  worker
    .log()
    .split('\n')
    .filter((line) => line.includes('its threshold'))
    .map((line) => lineSchema.parse(JSON.parse(line)));

const due = (beat: Health, queue: string) => beat.metric(`millrace_queue_due{queue="${queue}"}`);
const over = (beat: Health, queue: string) => beat.metric(`millrace_queue_over_threshold{queue="${queue}"}`);

async function post(stage: Stage, path: string, body: object = {}): Promise<unknown> {
  const answer = await stage.post(path, body);
  expect(answer).toMatchObject({ status: expect.toSatisfy((status: number) => status < 300) });
  return answer.body;
}

const send = (stage: Stage, queue: string, count: number, options: object = {}) =>
  post(stage, '/v1/tasks/batch', {
    tasks: Array.from({ length: count }, () => ({ task: 'sample_noop', payload: {}, options: { queue, ...options } })),
  });

/** What the monitor found. */
async function resultOf(stage: Stage, taskId: string): Promise<z.output<typeof resultSchema>> {
  let result: unknown;
  await until('the monitor has looked', lookedMs, async () => {
    const [row] = await stage.db.query<{ result: unknown }>(
      `select result from tasks where id = $1 and status = 'COMPLETED'`,
      [taskId],
    );
    result = row?.result;
    return row !== undefined;
  });
  return resultSchema.parse(result);
}

/** Run by hand. */
async function look(stage: Stage) {
  const { task_id: taskId } = runSchema.parse(await post(stage, '/v1/schedules/datasets_queue_monitor/run'));
  return resultOf(stage, taskId);
}

/** Fired by the beat, whose next slot is made to be due now. */
async function lookBySlot(stage: Stage) {
  await stage.db.query(
    `update schedules set next_slot = date_trunc('minute', now()), next_at = date_trunc('minute', now()) where name = 'datasets_queue_monitor'`,
  );
  let taskId = '';
  await until('the beat fires the monitor', lookedMs, async () => {
    const [slot] = await stage.db.query<{ task_id: string }>('select task_id from schedule_slots where not by_hand');
    taskId = slot?.task_id ?? '';
    return slot !== undefined;
  });
  return resultOf(stage, taskId);
}

describe.each(topologyNames)('the queue monitor on %s', (topology) => {
  const servers = suiteServers(topology);

  it('should tell depth, oldest age and consumers of each queue over its threshold, once, and once more when it is over', async () => {
    await using stage = await openStage({ ...servers, env });
    await stage.start('api');
    const worker = await stage.start('worker', { CELERY_QUEUES: 'ops_trace,heavy_tasks' });
    const beat = healthOf(await stage.start('beat'));
    // one that somebody takes from and that is held up, one that nobody takes from, one that is below
    await post(stage, '/v1/queues/heavy_tasks/pause');
    await send(stage, 'heavy_tasks', threshold + 1);
    await send(stage, 'mail', threshold);
    await send(stage, 'plugin', threshold - 1);
    // in Redis alone
    await send(stage, 'conversation', 1);
    await send(stage, 'conversation', threshold - 1, { durable: false });

    const first = await lookBySlot(stage);
    expect(first).toMatchObject({ raised: expect.arrayContaining(['heavy_tasks', 'mail', 'conversation']), ended: [] });
    expect(first.raised).toHaveLength(3);
    expect(first.queues.map(({ queue, waiting, consumers }) => ({ queue, waiting, consumers }))).toEqual(
      expect.arrayContaining([
        { queue: 'heavy_tasks', waiting: threshold + 1, consumers: 1 },
        { queue: 'mail', waiting: threshold, consumers: 0 },
        { queue: 'plugin', waiting: threshold - 1, consumers: 0 },
        { queue: 'conversation', waiting: threshold, consumers: 0 },
      ]),
    );
    await until('the three lines stand in the log', lookedMs, async () => told(worker).length === 3);
    const msg = 'more waits in a queue than its threshold';
    const [heavy] = told(worker).filter(({ queue }) => queue === 'heavy_tasks');
    expect(heavy).toMatchObject({ level: 40, waiting: threshold + 1, consumers: 1, threshold, msg });
    expect([await over(beat, 'heavy_tasks'), await over(beat, 'mail'), await over(beat, 'plugin')]).toEqual([
      threshold + 1,
      threshold,
      undefined,
    ]);
    // those of the ledger
    expect([await due(beat, 'mail'), await due(beat, 'plugin'), await due(beat, 'conversation')]).toEqual([
      threshold,
      threshold - 1,
      1,
    ]);

    // what stands already is not told again, and grows older
    await until('a second has passed', lookedMs, async () => {
      const again = await look(stage);
      expect(again).toMatchObject({ raised: [], ended: [] });
      return again.queues.every(({ oldestSeconds }) => oldestSeconds > 0);
    });
    expect(told(worker)).toHaveLength(3);

    await post(stage, '/v1/queues/heavy_tasks/resume');
    await until('the queue is drained', drainedMs, async () => {
      const rows = await stage.db.query(`select from tasks_live where queue = 'heavy_tasks'`);
      return rows.length === 0;
    });
    expect(await look(stage)).toMatchObject({ raised: [], ended: ['heavy_tasks'] });
    await until('the end stands in the log', lookedMs, async () => told(worker).length === 4);
    expect(told(worker).at(-1)).toMatchObject({
      level: 30,
      queue: 'heavy_tasks',
      waiting: 0,
      msg: 'the queue is below its threshold again',
    });
    expect([await over(beat, 'heavy_tasks'), await over(beat, 'mail')]).toEqual([undefined, threshold]);
    expect(await look(stage)).toMatchObject({ raised: [], ended: [] });
    expect(told(worker)).toHaveLength(4);
  }, 180_000);
});
