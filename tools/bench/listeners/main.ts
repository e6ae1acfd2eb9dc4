/**
 * `make bench-listeners`: one API process with 5,000 who listen, each to a task or a user of its own: what it holds, what it burns
 * at rest and under load, and how late ends are told. `--count N`, `--rounds N`.
 */
import { execFile } from 'node:child_process';
import os from 'node:os';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { type MillraceProcess, startMillrace } from '../../../test/harness/millrace-process.ts';
import { postgresServer } from '../../../test/harness/postgres.ts';
import { redisServer } from '../../../test/harness/redis.ts';
import { readOptions, wholeNumber } from '../../options.ts';
import { type BenchRow, figure, machine, median, row, writeReport } from '../report.ts';
import { type Api, type Client, openAll, openSocket, openStream } from './clients.ts';
import { cpuPercent, cpuSeconds, residentMib } from './process-use.ts';

const { values: options } = readOptions({
  allowPositionals: false,
  usage: 'make bench-listeners [BENCH="[--rounds N] [--count N]"]: --count, who listen',
  options: { count: { type: 'string', default: '5000' }, rounds: { type: 'string', default: '3' } },
});
const count = wholeNumber('count', options.count, 1, 100_000);
const rounds = wholeNumber('rounds', options.rounds, 1, 100);
const key = 'a-key-of-the-listeners';
const main = fileURLToPath(new URL('../../../worker/main.ts', import.meta.url));
const settleMs = 5000;
const restMs = 12_000;
/** Tasks of the load, sent in batches one after another; each end concerns one listener. */
const loadTasks = 1000;
const loadBatch = 50;
const loadGapMs = 250;
const endsWithinMs = 30_000;
/** 400 MB. */
const goalMib = 400e6 / 2 ** 20;

const say = (text = '') => console.log(text);
const samples = new Map<string, { subject: string; metric: string; unit: string; values: number[] }>();
const add = (subject: string, metric: string, unit: string, value: number) => {
  const name = `${subject}: ${metric}`;
  const known = samples.get(name) ?? { subject, metric, unit, values: [] };
  samples.set(name, known);
  known.values.push(value);
};

interface Kind {
  readonly name: string;
  /** Listens to the task or the user of this number. */
  readonly open: (
    api: Api,
    n: number,
    ids: readonly string[],
    heard: (event: string, data: string) => void,
  ) => Promise<Client>;
}

const kinds: readonly Kind[] = [
  { name: 'event streams by task', open: (api, n, ids, heard) => openStream(api, `/v1/tasks/${ids[n]}/events`, heard) },
  { name: 'WebSockets by user', open: (api, n, _ids, heard) => openSocket(api, { user_id: `user-${n}` }, heard) },
];

async function call(api: Api, method: string, path: string, body?: object): Promise<Record<string, unknown>> {
  const answer = await fetch(api.url + path, {
    method,
    headers: { authorization: `Bearer ${api.key}`, ...(body && { 'content-type': 'application/json' }) },
    ...(body && { body: JSON.stringify(body) }),
  });
  if (!answer.ok) throw new Error(`${method} ${path} was answered with ${answer.status}: ${await answer.text()}`);
  return (await answer.json()) as Record<string, unknown>;
}

async function send(api: Api, tasks: readonly object[]): Promise<string[]> {
  const ids: string[] = [];
  for (let from = 0; from < tasks.length; from += 1000) {
    const answer = await call(api, 'POST', '/v1/tasks/batch', { tasks: tasks.slice(from, from + 1000) });
    ids.push(...(answer.task_ids as string[]));
  }
  return ids;
}

const task = (n: number, options: object = {}) => ({
  task: 'sample_noop',
  payload: {},
  options: { user_id: `user-${n}`, ...options },
});

/** Tasks for users, ends to listeners by user; for listeners by task, cancels of the tasks they listen to. */
async function load(api: Api, kind: Kind, ids: readonly string[]): Promise<void> {
  for (let from = 0; from < Math.min(loadTasks, count); from += loadBatch) {
    const some = Array.from({ length: loadBatch }, (_, n) => from + n).filter((n) => n < count);
    if (kind.name.includes('user'))
      await send(
        api,
        some.map((n) => task(n)),
      );
    else await Promise.all(some.map((n) => call(api, 'DELETE', `/v1/tasks/${ids[n]}`)));
    await wait(loadGapMs);
  }
}

async function measure(process: MillraceProcess, kind: Kind): Promise<void> {
  const api: Api = { url: process.url ?? '', key };
  const subject = `${count} ${kind.name}`;
  // waiting for as long as this takes: listeners by task need one each
  const ids = kind.name.includes('task')
    ? await send(
        api,
        Array.from({ length: count }, (_, n) => task(n, { countdown: 3600 })),
      )
    : [];
  const late: number[] = [];
  const heard = (event: string, data: string) => {
    if (event !== 'result' && event !== 'error' && event !== 'end') return;
    const told = JSON.parse(data);
    late.push(Date.now() - Date.parse(told.at ?? told.finished_at));
  };
  const idle = residentMib(process.pid);
  const began = performance.now();
  const clients = await openAll(count, (n) => kind.open(api, n, ids, heard));
  add(subject, 'opened', '/s', count / ((performance.now() - began) / 1000));
  await wait(settleMs);
  const rest = await cpuPercent(process.pid, restMs);
  const held = residentMib(process.pid);
  add(subject, 'resident memory without listeners', 'MiB', idle);
  add(subject, 'resident memory', 'MiB', held);
  add(subject, 'memory of a listener', 'KiB', ((held - idle) * 1024) / count);
  add(subject, 'processor at rest, of one core', '%', rest);
  const cpu = cpuSeconds(process.pid);
  const from = performance.now();
  await load(api, kind, ids);
  const expected = Math.min(loadTasks, count);
  const until = Date.now() + endsWithinMs;
  while (late.length < expected && Date.now() < until) await wait(50);
  const seconds = (performance.now() - from) / 1000;
  add(subject, 'processor under the load, of one core', '%', ((cpuSeconds(process.pid) - cpu) / seconds) * 100);
  const sorted = late.toSorted((a, b) => a - b);
  add(subject, 'load', 'ends/s', expected / seconds);
  add(subject, 'ends told', '%', (late.length / expected) * 100);
  add(subject, 'end until heard, p50', 'ms', sorted[Math.floor(sorted.length * 0.5)] ?? Number.NaN);
  add(subject, 'end until heard, p99', 'ms', sorted[Math.floor(sorted.length * 0.99)] ?? Number.NaN);
  add(subject, 'resident memory after the load', 'MiB', residentMib(process.pid));
  for (const client of clients) client.close();
}

async function bench(): Promise<void> {
  const { cpu, cores, system, node } = machine();
  say(
    `${cpu}, ${cores} cores, ${system}, Node ${node}; load before ${os
      .loadavg()
      .map((value) => value.toFixed(1))
      .join(' ')}`,
  );
  await using redis = await redisServer.start();
  await using postgres = await postgresServer.start();
  const database = await postgres.createDatabase();
  const environment = {
    ...redis.environment,
    DB_HOST: postgres.host,
    DB_PORT: String(postgres.port),
    DB_USERNAME: postgres.user,
    DB_PASSWORD: postgres.password,
    DB_DATABASE: database.name,
    MILLRACE_API_KEY: key,
    MILLRACE_SAMPLE_TASKS: 'true',
    LOG_LEVEL: 'INFO',
  };
  const path = process.env.PATH ?? '';
  await promisify(execFile)(process.execPath, [main], { env: { PATH: path, ...environment, MODE: 'migrate' } });
  await using _worker = await startMillrace({ ...environment, MODE: 'worker' });
  for (let round = 1; round <= rounds; round += 1) {
    for (const kind of kinds) {
      process.stderr.write(`round ${round}: ${count} ${kind.name}\n`);
      // a fresh process each time: memory that is given back late is nobody else's
      await using api = await startMillrace({ ...environment, MODE: 'api' });
      await measure(api, kind);
    }
  }
  const rows: BenchRow[] = [...samples.values()].map(({ subject, metric, unit, values }) =>
    row(subject, metric, unit, values),
  );
  for (const { subject, metric, unit, median: middle, samples: all } of rows)
    say(
      `${subject.padEnd(32)} ${metric.padEnd(46)} ${figure(middle).padStart(8)} ${unit.padEnd(5)} (${all.map(figure).join(', ')})`,
    );
  const most = Math.max(
    ...rows.filter(({ metric }) => metric.startsWith('resident')).map(({ samples: all }) => median(all)),
  );
  say(
    `\nGoal: under ${figure(goalMib)} MiB with ${count} listeners: ${figure(most)} MiB, ${most < goalMib ? 'met' : 'NOT MET'}`,
  );
  say(`written: ${await writeReport('listeners', rows)}`);
}

await bench();
process.exit(0);
