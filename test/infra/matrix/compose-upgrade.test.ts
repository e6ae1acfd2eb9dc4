import { cp, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { until } from '../../harness/until.ts';
import { type ComposeDeployment, composeDeployment } from '../harness/compose.ts';
import { docker, root } from '../harness/docker.ts';
import { earlierRelease, migrationsOfToday } from '../harness/earlier-release.ts';
import { effectsOnce, sendEffects } from '../harness/work.ts';

const today = process.env.MILLRACE_IMAGE || 'millrace/worker:local';

/** The lines of the first block of commands under a heading of the guide. */
async function commandsUnder(heading: string): Promise<readonly string[]> {
  const guide = await readFile(join(root, 'docs/guides/upgrade.md'), 'utf8');
  const block = guide.split(`## ${heading}\n`)[1]?.split('```text\n')[1]?.split('```')[0] ?? '';
  return block
    .trim()
    .split('\n')
    .map((line) => line.split(/ {2,}/)[0] ?? '');
}

/** What `git checkout` does to the files that compose reads; the choices of this machine are none of them. */
async function takeFiles(from: string, to: string): Promise<void> {
  const filter = (path: string) => !/\/compose\/\.(env|build)$/.test(path);
  for (const path of ['compose', 'compose.yaml']) {
    await rm(join(to, path), { recursive: true, force: true });
    await cp(join(from, path), join(to, path), { recursive: true, filter });
  }
}

const imageId = async (image: string) => (await docker(['inspect', '--format', '{{.Id}}', image])).trim();

/** Ids of the images that the processes of Millrace run. */
async function imagesOf(deployment: ComposeDeployment): Promise<readonly string[]> {
  const containers = (await deployment.containers()).filter(({ Service }) => /^(api|worker.*)$/.test(Service));
  const ids = containers.map(({ ID }) => ID);
  return (await docker(['inspect', '--format', '{{.Image}}', ...ids])).trim().split('\n');
}

it('should upgrade the release before with work queued, waiting for its time and running, lose nothing, and run it again on the new schema', async () => {
  const steps = await commandsUnder('Upgrade');
  expect(steps).toEqual([
    'docker tag millrace/worker:local millrace/worker:before',
    'make backup',
    'git checkout v0.2.0',
    'tools/setup --for kit',
    'docker compose up -d --wait',
  ]);
  expect(await commandsUnder('Roll back')).toEqual([
    'git checkout v0.1.0',
    'docker tag millrace/worker:before millrace/worker:local',
    'docker compose up -d --wait',
  ]);
  const up = ['up', '-d', '--wait'];

  await using earlier = await earlierRelease();
  console.log(earlier.chosen);
  // its folder is the one checkout; `git checkout` changes the files in it
  const { checkout, image } = earlier;
  await using before = await composeDeployment({
    topology: 'standalone',
    checkout,
    variables: { MILLRACE_IMAGE: image },
  });
  await before.up();
  const api = await before.api();
  const dataset = await api.indexed('The bridge has 19 arches.');
  const slow = await api.send(
    [20_000, 20_000, 60_000, 60_000].map((ms) => ({ task: 'sample_sleep', payload: { ms } })),
  );
  const running = () =>
    before.sql(`select count(*) from tasks where status = 'RUNNING' and id in ('${slow.join("','")}')`);
  await until('the slow tasks run', 60_000, async () => (await running()) === '4');
  await api.call('POST', '/v1/queues/fast_tasks/pause');
  const queued = await sendEffects(api, 300);
  const delayed = await sendEffects(api, 50, { countdown: 45 });

  await before.command('compose/day-two/backup.sh', join(checkout, 'backups/upgrade'));
  const kept = join(checkout, '../kept');
  await takeFiles(checkout, kept);
  await takeFiles(root, checkout);
  const after = before.changed({ MILLRACE_IMAGE: today });
  await after.compose(up, { timeoutMs: 240_000 });

  expect(new Set(await imagesOf(after))).toEqual(new Set([await imageId(today)]));
  const migrations = await migrationsOfToday();
  const applied = () => after.sql('select count(*) from millrace_migrations');
  expect(await applied()).toBe(String(migrations.length));
  // a pause outlives the upgrade
  expect(await after.sql(`select count(*) from sample_effects where run = '${queued}'`)).toBe('0');
  await api.call('POST', '/v1/queues/fast_tasks/resume');
  expect(await effectsOnce(after, queued, 300, 240_000)).toBe('300|300');
  expect(await effectsOnce(after, delayed, 50, 240_000)).toBe('50|50');
  const ends = await Promise.all(slow.map((id) => api.ended(id, 240)));
  expect(ends.map(({ status }) => status)).toEqual(slow.map(() => 'COMPLETED'));
  expect(await api.ask(dataset, 'How many arches has the bridge?')).toContain('19');

  await takeFiles(kept, checkout);
  const back = after.changed({ MILLRACE_IMAGE: image });
  await back.compose(up, { timeoutMs: 240_000 });
  expect(new Set(await imagesOf(back))).toEqual(new Set([await imageId(image)]));
  expect(await applied()).toBe(String(migrations.length));
  const again = await sendEffects(api, 100);
  expect(await effectsOnce(back, again, 100, 120_000)).toBe('100|100');
  expect(await api.indexAndAsk('The tower has 7 floors.', 'How many floors has the tower?')).toContain('7');
});
