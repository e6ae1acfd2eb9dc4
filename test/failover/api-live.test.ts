/** The API is killed while tasks are watched: whoever comes back with the last event that was heard misses no end, and who waits goes on. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { z } from 'zod';
import { postgresServer, type RunningPostgres } from '../harness/postgres.ts';
import { openStage } from '../harness/stage.ts';
import { until } from '../harness/until.ts';
import { openEvents, openSocket, type Told } from '../integration/api/live-clients.ts';

const cli = fileURLToPath(new URL('../../worker/cli/main.ts', import.meta.url));
const tasks = 200;
const sleepMs = 400;
const endedWithinMs = 60_000;

let postgres: RunningPostgres;
beforeAll(async () => {
  postgres = await postgresServer.start();
});
afterAll(() => postgres?.[Symbol.asyncDispose]());

const isEnd = ({ event }: Told) => event === 'result' || event === 'error';
const endsOf = (told: readonly Told[]) => told.filter(isEnd).map(({ data }) => String(data.task_id));
const lastId = (told: readonly Told[]): string => {
  const id = told.findLast((one) => one.id !== undefined)?.id;
  if (id === undefined) throw new Error('no event with an id was heard');
  return id;
};

it('should tell every end, over event streams and WebSockets, across the death and the restart of the API', async () => {
  await using stage = await openStage({ postgres });
  const dying = await stage.start('api');
  await stage.start('worker');
  const where = { port: Number(new URL(stage.url).port), key: stage.key };
  using stream = await openEvents(where, '/v1/events');
  using socket = await openSocket(where);
  socket.say({ type: 'subscribe', id: 'all' });
  await socket.until(({ type }) => type === 'subscribed');
  const { body } = await stage.post('/v1/tasks/batch', {
    tasks: Array.from({ length: tasks }, () => ({ task: 'sample_sleep', payload: { ms: sleepMs } })),
  });
  const { task_ids: ids } = z.object({ task_ids: z.array(z.string()) }).parse(body);
  // one that nobody has heard the end of by then
  const last = ids.at(-1) ?? '';
  using one = await openEvents(where, `/v1/tasks/${last}/events`);
  await Promise.all([stream.until(isEnd), socket.until(isEnd)]);
  await dying.kill();
  expect(dying.child.signalCode).toBe('SIGKILL');
  await Promise.all([stream.ended, socket.closed, one.ended]);
  const heard = { stream: endsOf(stream.told), socket: endsOf(socket.events('all')) };
  // else the kill struck nothing
  expect(heard.stream.length).toBeLessThan(tasks);
  expect(one.told.some(({ event }) => event === 'end')).toBe(false);

  await stage.start('api');
  using streamAgain = await openEvents(where, '/v1/events', { headers: { 'last-event-id': lastId(stream.told) } });
  using socketAgain = await openSocket(where);
  socketAgain.say({ type: 'subscribe', id: 'all', last_event_id: lastId(socket.events('all')) });
  using oneAgain = await openEvents(where, `/v1/tasks/${last}/events`);
  const all = new Set(ids);
  const complete = (before: readonly string[], told: () => readonly Told[]) =>
    until('every end was told', endedWithinMs, async () => {
      expect(new Set([...before, ...endsOf(told())])).toEqual(all);
      return true;
    });
  await Promise.all([
    complete(heard.stream, () => streamAgain.told),
    complete(heard.socket, () => socketAgain.events('all')),
    oneAgain.until(({ event }) => event === 'end'),
  ]);
});

it('should let a command that waits for a task go on waiting across the death and the restart of the API', async () => {
  await using stage = await openStage({ postgres });
  const dying = await stage.start('api');
  const { body } = await stage.post('/v1/tasks', { task: 'sample_noop', payload: {} });
  const { task_id: id } = z.object({ task_id: z.string() }).parse(body);
  const waiting = promisify(execFile)(process.execPath, [cli, 'status', id, '--wait', '--json'], {
    env: { PATH: process.env.PATH, MILLRACE_URL: stage.url, MILLRACE_API_KEY: stage.key },
    timeout: endedWithinMs,
  });
  // else the kill struck nothing
  await until('the command waits', endedWithinMs, async () => {
    const metrics = await (await fetch(`${stage.url}/metrics`)).text();
    return /^millrace_live_listeners\S* [1-9]/m.test(metrics);
  });
  await dying.kill();
  await stage.start('api');
  await stage.start('worker');
  expect(JSON.parse((await waiting).stdout)).toMatchObject({ task_id: id, status: 'COMPLETED' });
});
