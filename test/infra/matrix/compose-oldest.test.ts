import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { composeDeployment } from '../harness/compose.ts';
import { root } from '../harness/docker.ts';
import { dockerConfigWithCompose } from '../harness/older-compose.ts';
import { allWork, effectsOnce, sendEffects } from '../harness/work.ts';

it('the oldest Docker Compose that the guide names should deploy, scale and take away, and render servers of an operator', async () => {
  const guide = readFileSync(join(root, 'docs/guides/deploy-with-compose.md'), 'utf8');
  const version = /Docker Compose (\d+\.\d+\.\d+) or newer/.exec(guide)?.[1] ?? 'none';
  await using config = await dockerConfigWithCompose(version);
  const variables = { DOCKER_CONFIG: config.folder };
  const deployment = await composeDeployment({ topology: 'sentinel', tls: true, variables });
  {
    await using _ = deployment;
    expect((await deployment.compose(['version', '--short'])).trim()).toBe(version);

    await deployment.up();
    const api = await deployment.api();
    const run = await sendEffects(api, 200);
    expect(await effectsOnce(deployment, run, 200, 120_000)).toBe('200|200');
    const before = (await deployment.containers()).map(({ ID }) => ID);
    await deployment.up('--scale', 'worker=3');
    expect((await deployment.containers()).map(({ ID }) => ID)).toEqual(expect.arrayContaining(before));
    await allWork(deployment, api, 3, 120_000);

    const theirs = { MILLRACE_TOPOLOGY: 'external', MILLRACE_TLS: 'false', DB_HOST: 'postgres.example' };
    const external = deployment.changed({ ...theirs, REDIS_HOST: 'redis.example' });
    expect((await external.compose(['config', '--services'])).split('\n')).toContain('doctor');
  }
  expect(await deployment.leftovers()).toEqual([]);
});
