import { cp, readdir, readFile, rm } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { expect, it } from 'vitest';
import { until } from '../../harness/until.ts';
import { type ComposeDeployment, composeDeployment } from '../harness/compose.ts';
import { docker, root } from '../harness/docker.ts';
import { earlierRelease, migrationsOf } from '../harness/earlier-release.ts';
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

/** What compose reads; the choices of this machine are none of it. */
async function kitFiles(folder: string): Promise<readonly string[]> {
  const found = await readdir(join(folder, 'compose'), { recursive: true, withFileTypes: true });
  const files = found.filter((entry) => entry.isFile()).map(({ parentPath, name }) => join(parentPath, name));
  const paths = files.map((file) => relative(folder, file));
  return ['compose.yaml', ...paths.filter((path) => !/^compose\/\.(env$|build\/)/.test(path))];
}

/** What `git checkout` does to them: files change, and the folders that containers have mounted stay the same. */
async function takeFiles(from: string, to: string): Promise<void> {
  const [wanted, there] = [await kitFiles(from), await kitFiles(to).catch(() => [])];
  for (const path of there) if (!wanted.includes(path)) await rm(join(to, path));
  for (const path of wanted) await cp(join(from, path), join(to, path));
}

const imageId = async (image: string) => (await docker(['inspect', '--format', '{{.Id}}', image])).trim();

/** Ids of the containers of api, worker and beat. */
const processesOf = async (deployment: ComposeDeployment): Promise<readonly string[]> =>
  (await deployment.containers()).flatMap(({ Service, ID }) => (/^(api|worker.*)$/.test(Service) ? [ID] : [])).sort();

/** Ids of the images that they run. */
const imagesOf = async (deployment: ComposeDeployment): Promise<readonly string[]> =>
  (await docker(['inspect', '--format', '{{.Image}}', ...(await processesOf(deployment))])).trim().split('\n');

it('should upgrade the release before with work queued, waiting for its time and running, lose nothing, and run it again on the new schema', async () => {
  const steps = await commandsUnder('Upgrade');
  expect(steps).toEqual([
    'docker tag millrace/worker:local millrace/worker:before',
    'make backup',
    'git checkout v0.2.0',
    'tools/setup --for kit',
    'docker compose run --rm migrate',
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
  // ended by today's files, which know every volume
  await using end = new AsyncDisposableStack();
  end.defer(() => takeFiles(root, checkout));
  await before.up();
  const api = await before.api();
  const dataset = await api.indexed('The bridge has 19 arches.');
  // they leave a slot free
  const slow = await api.send([45_000, 90_000, 90_000].map((ms) => ({ task: 'sample_sleep', payload: { ms } })));
  const running = async () =>
    Number(await before.sql(`select count(*) from tasks where status = 'RUNNING' and id in ('${slow.join("','")}')`));
  await until('the slow tasks run', 60_000, async () => (await running()) === slow.length);
  await api.call('POST', '/v1/queues/fast_tasks/pause');
  const queued = await sendEffects(api, 300);
  const delayed = await sendEffects(api, 50, { countdown: 45 });

  await before.command('compose/day-two/backup.sh', join(checkout, 'backups/upgrade'));
  const kept = join(checkout, '../kept');
  await takeFiles(checkout, kept);
  await takeFiles(root, checkout);
  const after = before.changed({ MILLRACE_IMAGE: today });
  const migrations = await migrationsOf(today);
  const applied = () => after.sql('select count(*) from millrace_migrations');
  expect(await applied()).toBe(String(earlier.migrations.length));
  const older = await processesOf(before);
  await after.compose(['run', '--rm', 'migrate'], { timeoutMs: 240_000 });
  expect(await applied()).toBe(String(migrations.length));
  // beside them the release before works on
  const beside = await sendEffects(api, 50, { queue: 'mail' });
  expect(await effectsOnce(before, beside, 50, 120_000)).toBe('50|50');
  expect(await processesOf(before)).toEqual(older);
  expect(await running()).toBeGreaterThan(0);
  await after.compose(up, { timeoutMs: 240_000 });

  expect(new Set(await imagesOf(after))).toEqual(new Set([await imageId(today)]));
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
