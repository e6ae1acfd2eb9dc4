/** The release before this one, out of the checkout's own history: its files, and its worker image. */
import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { imageFor } from '../../harness/docker-images.ts';
import { command, docker, root } from './docker.ts';

export interface EarlierRelease extends AsyncDisposable {
  /** The rule that chose it, and what it chose. */
  readonly chosen: string;
  /** Its files. */
  readonly checkout: string;
  /** Its worker image, by a tag of the test's own. */
  readonly image: string;
  /** Names of its migrations. */
  readonly migrations: readonly string[];
}

const migrationsFolder = 'worker/db/migrations';
/** A commit that lacks one of these cannot be deployed. */
const kit = ['compose.yaml', 'compose/Dockerfile', 'compose/compose.yaml', 'compose/standalone.yaml', 'worker/main.ts'];
const buildTimeoutMs = 900_000;

const git = (...args: readonly string[]) => command('git', args);
const gitLines = async (...args: readonly string[]) => (await git(...args)).split('\n').filter((line) => line !== '');
const sqlFiles = (names: readonly string[]) => names.filter((name) => name.endsWith('.sql')).sort();

/** Names of the migrations that this checkout holds. */
const migrationsOfToday = async (): Promise<readonly string[]> => sqlFiles(await readdir(join(root, migrationsFolder)));

/** Names of the migrations that a worker image holds. */
export async function migrationsOf(image: string): Promise<readonly string[]> {
  const list = ['run', '--rm', '--network', 'none', '--entrypoint', 'ls', image, `/app/${migrationsFolder}`];
  return sqlFiles((await docker(list)).split('\n'));
}

/** None for what is no commit. */
async function migrationsAt(commit: string): Promise<readonly string[]> {
  const paths = await gitLines('ls-tree', '--name-only', commit, '--', `${migrationsFolder}/`).catch(() => []);
  return sqlFiles(paths.map((path) => path.slice(migrationsFolder.length + 1)));
}

const hasKit = async (commit: string) =>
  (await gitLines('ls-tree', '--name-only', commit, '--', ...kit)).length === kit.length;

/**
 * The newest tag before HEAD; where there is none yet, the newest commit that holds the whole kit and fewer migrations than
 * today, all of which are still there: the state just before the newest change of the schema.
 * @throws when the history is not there, or holds neither
 */
async function choose(): Promise<{ readonly commit: string; readonly chosen: string }> {
  const shallow = await git('rev-parse', '--is-shallow-repository').catch((cause: unknown) => {
    throw new Error('expected a git checkout: the test upgrades from a release of its history', { cause });
  });
  if (shallow.trim() === 'true')
    throw new Error('expected the whole history, instead got a shallow clone: git fetch --unshallow --tags');

  const tag = (await git('describe', '--tags', '--abbrev=0', 'HEAD^').catch(() => '')).trim();
  if (tag !== '') return { commit: tag, chosen: `the newest tag before HEAD: ${tag}` };

  const today = await migrationsOfToday();
  for (const change of await gitLines('log', '--format=%H', 'HEAD', '--', migrationsFolder)) {
    const commit = `${change}^`;
    const migrations = await migrationsAt(commit);
    const older = migrations.length > 0 && migrations.length < today.length;
    if (!older || !migrations.every((name) => today.includes(name)) || !(await hasKit(commit))) continue;
    const hash = (await git('rev-parse', '--short', commit)).trim();
    return { commit, chosen: `no tag; the newest commit with the kit and an older schema: ${hash}` };
  }
  throw new Error('expected a tag, or a commit with the whole kit and an older schema; the history holds neither');
}

/** npm's settings of this machine are in the folder while the image is built, as tools/setup has it. */
async function build(checkout: string, image: string): Promise<void> {
  const settings = join(checkout, 'compose/.build');
  const buildKit = await docker(['buildx', 'version']).then(
    () => '1',
    () => '0',
  );
  const node = ['--build-arg', `NODE_IMAGE=${imageFor('NODE_IMAGE')}`];
  const file = ['--file', join(checkout, 'compose/Dockerfile')];
  try {
    await command('tools/run', ['node', 'tools/images/npm-settings.ts', settings]);
    await docker(['build', '--network', 'host', '--tag', image, ...node, ...file, checkout], {
      env: { DOCKER_BUILDKIT: buildKit },
      timeoutMs: buildTimeoutMs,
    });
  } finally {
    await rm(settings, { recursive: true, force: true });
  }
}

/** Chosen, unpacked and built. Dispose of it after what runs on it. */
export async function earlierRelease(): Promise<EarlierRelease> {
  const { commit, chosen } = await choose();
  await using made = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), 'millrace-release-'));
  made.defer(() => rm(folder, { recursive: true, force: true }));
  const checkout = join(folder, 'checkout');
  await mkdir(checkout);
  await git('archive', '--format=tar', '--output', join(folder, 'release.tar'), commit);
  await command('tar', ['-xf', join(folder, 'release.tar'), '-C', checkout]);
  const image = `millrace/worker:earlier-${process.pid}`;
  await build(checkout, image);
  made.defer(async () => {
    await docker(['image', 'rm', image]);
  });
  const owned = made.move();
  const migrations = await migrationsAt(commit);
  return { chosen, checkout, image, migrations, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}
