/** The overlays of compose, started for real; compose-wal-archive.test.ts has the one of the WAL. */
import { mkdtempDisposable } from 'node:fs/promises';
import { connect } from 'node:net';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { isDeepStrictEqual } from 'node:util';
import pg from 'pg';
import { expect, it } from 'vitest';
import { readyMillrace } from '../../harness/millrace-process.ts';
import { freePort } from '../../harness/processes.ts';
import { until } from '../../harness/until.ts';
import { type ComposeDeployment, composeDeployment, composeFiles } from '../harness/compose.ts';
import { postureFaults } from '../harness/inspected.ts';
import { overlayImage } from '../harness/overlay-images.ts';
import { effectsOnce, sendEffects } from '../harness/work.ts';

const readyMs = 180_000;
const workMs = 60_000;

const faults = async (deployment: ComposeDeployment) =>
  postureFaults((await deployment.containers()).map(({ ID }) => ID));
const published = async (deployment: ComposeDeployment, service: string, port: number) =>
  (await deployment.compose(['port', service, String(port)])).trim();

it('should run the worker and the beat of the checkout on the Redis and Postgres of compose', async () => {
  await using storage = await mkdtempDisposable(join(tmpdir(), 'millrace-storage-'));
  const [redisPort, postgresPort, healthPort] = [await freePort(), await freePort(), await freePort()];
  const deployment = await composeDeployment({
    topology: 'standalone',
    overlays: ['dev'],
    variables: {
      EXPOSE_REDIS_PORT: String(redisPort),
      EXPOSE_POSTGRES_PORT: String(postgresPort),
      OPENDAL_FS_ROOT: storage.path,
    },
  });
  {
    await using _ = deployment;
    // as most do: all of it first, without the overlay
    const plain = deployment.changed({ COMPOSE_FILE: composeFiles([]) });
    await plain.up();
    await deployment.compose(['stop', 'worker', 'worker_beat']);
    const api = await deployment.api();
    const run = await sendEffects(api, 100);

    await using worker = await readyMillrace(deployment.spawned('compose/day-two/dev.sh', 'worker'), readyMs);
    expect(await published(deployment, 'redis', 6379)).toBe(`127.0.0.1:${redisPort}`);
    expect(await published(deployment, 'db_postgres', 5432)).toBe(`127.0.0.1:${postgresPort}`);
    expect(await pinged(redisPort)).toMatch(/^-NOAUTH/);
    expect(await refusal(postgresPort)).toMatchObject({ code: '28P01' });
    expect(await faults(deployment)).toEqual([]);
    expect(await effectsOnce(deployment, run, 100, workMs)).toBe('100|100');
    const workers = `select distinct split_part(worker, ':', 1) from tasks_finished where payload->>'run' = '${run}'`;
    expect(await deployment.sql(workers)).toBe(hostname());

    const withMetrics = deployment.changed({ HEALTH_PORT: String(healthPort) });
    await using beat = await readyMillrace(withMetrics.spawned('compose/day-two/dev.sh', 'beat'), readyMs);
    await until('the beat of the checkout leads', workMs, async () => {
      const metrics = await fetch(`http://127.0.0.1:${healthPort}/metrics`);
      return /^millrace_beat_leader 1$/m.test(await metrics.text());
    });
    await api.call('PUT', '/v1/schedules/every-second', { task: 'sample_noop', every_seconds: 1 });
    const schedule = () =>
      api.call<{ readonly last_fired_by: string; readonly last_task_id: string }>('GET', '/v1/schedules/every-second');
    await until('it fires', workMs, async () => (await schedule()).last_fired_by === `${hostname()}:${beat.pid}`);
    const { last_task_id: fired } = await schedule();
    expect(await api.ended(fired, 60)).toMatchObject({ status: 'COMPLETED' });

    for (const process of [beat, worker]) expect(await process.stop()).toBe(0);
    // which need not name the overlay
    await plain.command('make', 'down');
    expect((await deployment.leftovers()).filter((what) => !what.startsWith('volume '))).toEqual([]);
  }
  expect(await deployment.leftovers()).toEqual([]);
});

/** What Redis answers somebody without a password. */
function pinged(port: number): Promise<string> {
  return text(connect({ host: '127.0.0.1', port, timeout: 5000 }).end('PING\r\n'));
}

/** Why Postgres lets nobody in whose password is wrong. */
function refusal(port: number): Promise<unknown> {
  const client = new pg.Client({
    host: '127.0.0.1',
    port,
    user: 'millrace_worker',
    database: 'millrace',
    password: 'wrong',
  });
  return client.connect().catch((error: unknown) => error);
}

it('should have Prometheus scrape every process of every pool, and tell of the tasks that they did', async () => {
  const port = await freePort();
  const deployment = await composeDeployment({
    topology: 'standalone',
    overlays: ['observability'],
    variables: {
      MILLRACE_POOLS: 'pools',
      MILLRACE_WORKER_REPLICAS: '2',
      EXPOSE_PROMETHEUS_PORT: String(port),
      ...(await overlayImage('PROMETHEUS_IMAGE')),
    },
  });
  const asked = async <T>(path: string): Promise<T> => {
    const { data } = (await (await fetch(`http://127.0.0.1:${port}/api/v1/${path}`)).json()) as { data: T };
    return data;
  };
  const sum = async (metric: string) => {
    const { result } = await asked<{ result: { value: [number, string] }[] }>(
      `query?query=${encodeURIComponent(`sum(${metric})`)}`,
    );
    return result[0]?.value[1];
  };
  {
    await using _ = deployment;
    await deployment.up();
    expect(await faults(deployment)).toEqual([]);
    const processes = { api: 1, worker: 5, beat: 1 };
    await until(`Prometheus finds ${JSON.stringify(processes)} up`, workMs, async () => {
      const { activeTargets: targets } = await asked<{
        activeTargets: { labels: { job: string }; health: string }[];
      }>('targets');
      const jobs = Object.entries(Object.groupBy(targets, ({ labels }) => labels.job));
      const counts = jobs.map(([job, ofJob = []]) => [job, ofJob.length]);
      return targets.every(({ health }) => health === 'up') && isDeepStrictEqual(Object.fromEntries(counts), processes);
    });

    const run = await sendEffects(await deployment.api(), 100);
    expect(await effectsOnce(deployment, run, 100, workMs)).toBe('100|100');
    const executed = () => sum('celery_task_executions_total{task_name="sample_effect"}');
    await until('Prometheus tells of the tasks', workMs, async () => (await executed()) === '100');
    expect(await sum('millrace_beat_leader')).toBe('1');
  }
  expect(await deployment.leftovers()).toEqual([]);
});

/** Inside a service: the status that Weaviate gives whoever has this key, and whoever has none. */
const asking = `
const ask = (headers) => fetch('http://weaviate:8080/v1/meta', { headers }).then(async (answer) => answer.ok ? (await answer.json()).version : answer.status);
(async () => console.log(JSON.stringify([await ask({ authorization: 'Bearer ' + process.argv[1] }), await ask({}), await ask({ authorization: 'Bearer wrong' })])))();`;

it('should have a Weaviate that services reach by its key and that publishes nothing', async () => {
  const image = await overlayImage('WEAVIATE_IMAGE');
  const deployment = await composeDeployment({ topology: 'standalone', overlays: ['weaviate'], variables: image });
  {
    await using _ = deployment;
    await deployment.up();
    expect(await faults(deployment)).toEqual([]);
    const [weaviate] = await deployment.containers('weaviate');
    expect(weaviate).toMatchObject({ State: 'running', Health: 'healthy', Publishers: [] });

    const secret = '/run/secrets/millrace/api_key';
    const key = (await deployment.compose(['exec', '-T', 'weaviate', 'cat', secret])).trim();
    const answers = await deployment.compose(['exec', '-T', 'worker', 'node', '-e', asking, key]);
    expect(JSON.parse(answers)).toEqual([expect.stringMatching(/^\d+\.\d+\.\d+/), 401, 401]);
  }
  expect(await deployment.leftovers()).toEqual([]);
});
