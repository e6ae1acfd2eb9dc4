/**
 * `make bench-deploy`: from the start of a deployment to the first task done, from one worker to three, and what the whole
 * system holds at rest, by topology and door; sizes of the images. `--rounds N`, `--only compose`, `--only cluster`.
 */
import { setTimeout as wait } from 'node:timers/promises';
import { until } from '../../../test/harness/until.ts';
import type { ApiClient } from '../../../test/infra/harness/api-client.ts';
import { errorText } from '../../../worker/errors.ts';
import { oneOrMoreOf, readOptions, wholeNumber } from '../../options.ts';
import { figure, row, writeReport } from '../report.ts';
import { type Deployment, type DoorName, doors, prepareDeployment, type Topology, topologies } from './deployments.ts';
import { imageMegabytes, memoryOf } from './memory.ts';

const known: readonly string[] = [...topologies, ...doors];

const firstTaskSeconds = 120;
const workersMs = 120_000;
/** After what a start allocates has been given back: V8 takes its time. */
const restMs = 60_000;
const memorySamples = 3;
const memoryGapMs = 5_000;
/** The goal of the standalone system: 600 MB. */
const goalMegabytes = 600;

const samples = new Map<string, { subject: string; metric: string; unit: string; values: number[] }>();
function add(subject: string, metric: string, unit: string, value: number): void {
  const entry = samples.get(`${subject}|${metric}`) ?? { subject, metric, unit, values: [] };
  samples.set(`${subject}|${metric}`, entry);
  entry.values.push(value);
  console.log(`${subject.padEnd(24)} ${metric.padEnd(44)} ${figure(value).padStart(8)} ${unit}`);
}

const secondsSince = (startMs: number) => (performance.now() - startMs) / 1000;

async function firstTask(api: ApiClient): Promise<void> {
  const [id = ''] = await api.send([{ task: 'sample_noop', payload: {} }]);
  const { status } = await api.ended(id, firstTaskSeconds);
  if (status !== 'COMPLETED') throw new Error(`the first task ended as ${status}`);
}

async function measure(door: DoorName, topology: Topology, deployment: Deployment): Promise<void> {
  const subject = `${topology}, ${door}`;
  const start = performance.now();
  await deployment.up();
  add(subject, 'deploy, until it says that all is healthy', 's', secondsSince(start));
  const api = await deployment.api();
  await firstTask(api);
  add(subject, 'deploy, to the first task done', 's', secondsSince(start));

  await wait(restMs);
  for (let sample = 0; sample < memorySamples; sample += 1) {
    if (sample > 0) await wait(memoryGapMs);
    const held = await memoryOf(await deployment.containers());
    add(
      subject,
      'memory at rest, all containers',
      'MB',
      held.reduce((sum, { megabytes }) => sum + megabytes, 0),
    );
    if (sample > 0) continue;
    for (const { name, megabytes } of held.toSorted((a, b) => b.megabytes - a.megabytes)) {
      console.log(`  ${figure(megabytes).padStart(8)} MB  ${name}`);
    }
  }

  const scaling = performance.now();
  await deployment.scale(3);
  await until('the API knows three workers', workersMs, async () => {
    const { workers } = await api.call<{ workers: readonly unknown[] }>('GET', '/v1/workers');
    return workers.length === 3;
  });
  add(subject, 'scale, one worker to three', 's', secondsSince(scaling));
}

const wanted = <T extends string>(all: readonly T[], only: readonly string[]) => {
  const chosen = all.filter((name) => only.includes(name));
  return chosen.length > 0 ? chosen : all;
};

async function bench(): Promise<void> {
  const { rounds, only } = chosen();
  for (const [name, image] of [
    ['worker image', process.env.MILLRACE_IMAGE || 'millrace/worker:local'],
    ['squid image', process.env.MILLRACE_SQUID_IMAGE || 'millrace/squid:local'],
  ] as const) {
    add(name, 'size, all layers', 'MB', await imageMegabytes(image));
  }
  for (let round = 0; round < rounds; round += 1) {
    for (const topology of wanted(topologies, only)) {
      for (const door of wanted(doors, only)) {
        // one that fails takes nothing from the others
        try {
          await using deployment = await prepareDeployment(door, topology);
          await measure(door, topology, deployment);
        } catch (error) {
          console.error(`${topology}, ${door}: ${errorText(error)}`);
          process.exitCode = 1;
        }
      }
    }
  }
  const rows = [...samples.values()].map(({ subject, metric, unit, values }) => row(subject, metric, unit, values));
  for (const { subject, metric, median } of rows) {
    if (!subject.startsWith('standalone') || !metric.startsWith('memory')) continue;
    const verdict = median < goalMegabytes ? 'met' : 'MISSED';
    console.log(`${subject}: ${figure(median)} MB at rest; the goal, less than ${goalMegabytes}, is ${verdict}`);
  }
  console.log(`\nwritten to ${await writeReport('deploy', rows)}`);
}

function chosen(): { readonly rounds: number; readonly only: readonly string[] } {
  const { values } = readOptions({
    allowPositionals: false,
    usage: `make bench-deploy [BENCH="[--rounds N] [--only ${known.join('|')}]…"]`,
    options: { rounds: { type: 'string', default: '1' }, only: { type: 'string', multiple: true, default: [] } },
  });
  return { rounds: wholeNumber('rounds', values.rounds, 1, 100), only: oneOrMoreOf('only', values.only, known) };
}

try {
  await bench();
} catch (error) {
  console.error(`bench-deploy: ${errorText(error)}`);
  process.exitCode = 1;
}
