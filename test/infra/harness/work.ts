/** Work that is counted exactly: each task writes one row, as an effect. */
import { randomUUID } from 'node:crypto';
import { until } from '../../harness/until.ts';
import type { ApiClient, NewTask } from './api-client.ts';
import type { ComposeDeployment } from './compose.ts';

/** Tasks of a run as one batch; returns the run. */
export async function sendEffects(
  api: ApiClient,
  count: number,
  options: NonNullable<NewTask['options']> = {},
): Promise<string> {
  const run = randomUUID();
  await api.send(Array.from({ length: count }, (_, n) => ({ task: 'sample_effect', payload: { run, n }, options })));
  return run;
}

/** Waits until each task of the run has written its row, and none more than one. */
export async function effectsOnce(
  deployment: Pick<ComposeDeployment, 'sql'>,
  run: string,
  count: number,
  withinMs: number,
) {
  const counts = () => deployment.sql(`select count(*), count(distinct n) from sample_effects where run = '${run}'`);
  let newest = '';
  await until(`${count} effects of run ${run}`, withinMs, async () => {
    newest = await counts();
    return Number(newest.split('|')[1]) >= count;
  }).catch((error: unknown) => {
    throw new Error(`effects and distinct ones so far: ${newest}`, { cause: error });
  });
  return counts();
}

/** Sends tasks that wait, until each of `workers` processes has ended some of them. */
export async function allWork(
  deployment: Pick<ComposeDeployment, 'sql'>,
  api: ApiClient,
  workers: number,
  withinMs: number,
) {
  const ids: string[] = [];
  const busy = async () =>
    Number(
      await deployment.sql(
        `select count(distinct worker) from tasks_finished where name = 'sample_sleep' and id in ('${ids.join("','")}')`,
      ),
    );
  await until(`${workers} workers end tasks`, withinMs, async () => {
    ids.push(...(await api.send(Array.from({ length: 60 }, () => ({ task: 'sample_sleep', payload: { ms: 100 } })))));
    await Promise.all(ids.slice(-60).map((id) => api.ended(id, 60)));
    return (await busy()) >= workers;
  });
}
