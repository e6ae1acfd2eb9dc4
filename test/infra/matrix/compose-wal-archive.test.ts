import { expect, it } from 'vitest';
import { until } from '../../harness/until.ts';
import type { ApiClient } from '../harness/api-client.ts';
import { type ComposeDeployment, composeDeployment } from '../harness/compose.ts';
import { docker } from '../harness/docker.ts';
import { effectsOnce, sendEffects } from '../harness/work.ts';

const dataFolder = '/var/lib/postgresql/data';

/** Tasks that ended, each with when and how often it was tried. */
const ended = (deployment: ComposeDeployment, run: string) =>
  deployment.sql(
    `select count(*), md5(string_agg(id || status || attempts || finished_at, ' ' order by id)) from tasks_finished
     where payload->>'run' = '${run}'`,
  );

/** Ids of the run's tasks, by the ledger. */
const idsOf = async (deployment: ComposeDeployment, run: string) =>
  (await deployment.sql(`select string_agg(id::text, ' ') from tasks where payload->>'run' = '${run}'`)).split(' ');

/** What the API says of each: how many ended how. */
async function ends(api: ApiClient, ids: readonly string[]): Promise<Readonly<Record<string, number>>> {
  const states = await Promise.all(ids.map((id) => api.ended(id, 60)));
  const counts: Record<string, number> = {};
  for (const { status } of states) counts[status] = (counts[status] ?? 0) + 1;
  return counts;
}

const isArchived = async (deployment: ComposeDeployment, wal: string) =>
  (await deployment.sql(`select last_archived_wal >= '${wal}' from pg_stat_archiver`)) === 't';

/** Ends the file of the WAL that is written to, and waits until it is archived. */
async function archived(deployment: ComposeDeployment): Promise<void> {
  const name = await deployment.sql('select pg_walfile_name(pg_switch_wal())');
  await until(`${name} is archived`, 60_000, () => isArchived(deployment, name));
}

const recover = (deployment: ComposeDeployment) => deployment.command('compose/day-two/recover.sh', '--yes');
const said = (work: Promise<unknown>) => work.then(String, (error: Error) => error.message);

it('should build Postgres anew after its loss, with every task that was accepted before the newest archived WAL, each done once', async () => {
  await using deployment = await composeDeployment({
    topology: 'standalone',
    variables: { MILLRACE_WAL: 'wal-archive' },
  });
  await deployment.up();
  let api = await deployment.api();
  const withWorker = (what: 'start' | 'stop') => deployment.compose([what, 'worker']);

  await withWorker('stop');
  const queued = await sendEffects(api, 100);
  await deployment.command('compose/day-two/base-backup.sh');
  const before = await sendEffects(api, 100);
  await withWorker('start');
  for (const run of [queued, before]) expect(await effectsOnce(deployment, run, 100, 120_000)).toBe('100|100');
  // the base backup holds older passwords than the deployment
  await deployment.command('tools/run', 'node', 'worker/cli/main.ts', 'rotate-secrets');
  await withWorker('stop');
  const waiting = await sendEffects(api, 100);
  const done = await Promise.all([queued, before].map((run) => ended(deployment, run)));
  const ids = (await Promise.all([queued, before, waiting].map((run) => idsOf(deployment, run)))).flat();
  expect(ids.length).toBe(300);
  await archived(deployment);

  expect(await said(recover(deployment))).toContain('Postgres runs and answers');
  await deployment.compose(['kill', '--signal', 'SIGKILL', 'db_postgres']);
  await deployment.compose(['rm', '--force', '--stop', 'db_postgres', 'init_permissions']);
  await docker(['volume', 'rm', `${deployment.project}_postgres_data`]);
  // no new database takes the place of the lost one
  await said(deployment.compose(['up', '-d', '--wait', '--no-build', 'db_postgres'], { timeoutMs: 120_000 }));
  expect(await deployment.compose(['logs', 'db_postgres'])).toContain('make recover builds it anew');

  await deployment.telling('was not recovered', () => recover(deployment));
  api = await deployment.api();
  expect(await effectsOnce(deployment, waiting, 100, 120_000)).toBe('100|100');
  for (const run of [queued, before]) expect(await effectsOnce(deployment, run, 100, 1000)).toBe('100|100');
  expect(await ends(api, ids)).toEqual({ COMPLETED: 300 });
  expect(await Promise.all([queued, before].map((run) => ended(deployment, run)))).toEqual(done);

  // a second loss, of files; what was not archived yet stands in the WAL beside them
  await withWorker('stop');
  const unarchived = await sendEffects(api, 100);
  await deployment.compose(['kill', '--signal', 'SIGKILL', 'db_postgres']);
  const inVolume = (command: string) =>
    deployment.compose(['run', '--rm', '--no-deps', '-T', '--entrypoint', '', 'db_postgres', 'sh', '-c', command]);
  await inVolume(`rm -r ${dataFolder}/pgdata/base`);
  await deployment.telling('was not recovered again', () => recover(deployment));
  expect(await effectsOnce(deployment, unarchived, 100, 120_000)).toBe('100|100');
  expect(await inVolume(`ls ${dataFolder}`)).toMatch(/^pgdata\npgdata\.before-\d+T\d+Z\n$/);

  // back to a time, which leaves out what came after it
  const time = await deployment.sql('select now()');
  api = await deployment.api();
  const later = await sendEffects(api, 100);
  expect(await effectsOnce(deployment, later, 100, 120_000)).toBe('100|100');
  await deployment.compose(['stop', 'db_postgres']);
  const back = deployment.changed({ TO: time });
  await deployment.telling('was not taken back', () => recover(back));
  expect(await effectsOnce(deployment, unarchived, 100, 1000)).toBe('100|100');
  expect(await deployment.sql(`select count(*) from tasks where payload->>'run' = '${later}'`)).toBe('0');

  // by itself too, from the first start on, though no file is full
  const often = deployment.changed({ MILLRACE_WAL_ARCHIVE_TIMEOUT: '3' });
  await often.up();
  const again = await sendEffects(await deployment.api(), 100);
  expect(await effectsOnce(deployment, again, 100, 120_000)).toBe('100|100');
  const name = await deployment.sql('select pg_walfile_name(pg_current_wal_lsn())');
  await until(`${name} is archived by itself`, 20_000, () => isArchived(deployment, name));
});
