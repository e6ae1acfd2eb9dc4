import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { type ComposeDeployment, composeDeployment } from './harness/compose.ts';
import { effectsOnce, sendEffects } from './harness/work.ts';

const secret = (deployment: ComposeDeployment, file: string) =>
  deployment.compose(['exec', '-T', 'worker', 'cat', `/run/secrets/millrace/${file}`]);

/** How the servers answer the worker's user with these passwords. */
async function answers(deployment: ComposeDeployment, redis: string, database: string): Promise<string[]> {
  const ping = [
    'exec',
    '-T',
    '-e',
    `REDISCLI_AUTH=${redis}`,
    'redis',
    'redis-cli',
    '--user',
    'millrace-worker',
    'ping',
  ];
  const ask = ['exec', '-T', '-e', `PGPASSWORD=${database}`, 'db_postgres', 'psql', '-XAt', '-h', 'db_postgres'];
  const said = (work: Promise<string>) => work.catch((error: Error) => error.message);
  return Promise.all([
    said(deployment.compose(ping)),
    said(deployment.compose([...ask, '-U', 'millrace_worker', '-d', 'millrace', '-c', "select 'let in'"])),
  ]);
}

it('should change every secret of a deployment with work queued, refuse the old ones, and lose nothing', async () => {
  await using deployment = await composeDeployment({ topology: 'standalone' });
  await deployment.up();
  const api = await deployment.api();
  const old = [await secret(deployment, 'redis_password'), await secret(deployment, 'db_password')] as const;
  expect(await answers(deployment, ...old)).toEqual([
    expect.stringContaining('PONG'),
    expect.stringContaining('let in'),
  ]);

  // the workers hold some of these when they are stopped, and the effects wait behind them
  await api.send(Array.from({ length: 60 }, () => ({ task: 'sample_sleep', payload: { ms: 2000 } })));
  const run = await sendEffects(api, 300);
  await deployment.command('tools/run', 'node', 'worker/cli/main.ts', 'rotate-secrets');

  const now = [await secret(deployment, 'redis_password'), await secret(deployment, 'db_password')] as const;
  expect([now[0] !== old[0], now[1] !== old[1]]).toEqual([true, true]);
  expect(await answers(deployment, ...now)).toEqual([
    expect.stringContaining('PONG'),
    expect.stringContaining('let in'),
  ]);
  expect(await answers(deployment, ...old)).toEqual([
    // redis-cli says WRONGPASS on its standard error, and goes on without a user
    expect.stringContaining('NOAUTH'),
    expect.stringContaining('password authentication failed'),
  ]);
  expect(await effectsOnce(deployment, run, 300, 180_000)).toBe('300|300');
});

it('should come back from a backup after everything was lost, with the work that was queued', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'millrace-backup-'));
  const backup = join(folder, 'first');
  try {
    await using deployment = await composeDeployment({ topology: 'standalone' });
    await deployment.up();
    const before = await deployment.api();
    const dataset = await before.indexed('The well is 31 metres deep.');
    await deployment.compose(['stop', 'worker']);
    const run = await sendEffects(before, 300);
    await deployment.command('compose/day-two/backup.sh', backup);
    expect((await readdir(backup)).sort()).toEqual(['SHA256SUMS', 'database.dump', 'storage.tar']);

    await deployment.down();
    await deployment.up();
    await deployment.command('compose/day-two/restore.sh', backup, '--yes');
    const after = await deployment.api();
    expect(await effectsOnce(deployment, run, 300, 180_000)).toBe('300|300');
    expect(await after.ask(dataset, 'How deep is the well?')).toContain('31 metres');

    // no password of the deployment stands in what is carried away
    const held = await readFile(join(backup, 'database.dump'));
    expect(held.includes(await secret(deployment, 'db_password'))).toBe(false);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
