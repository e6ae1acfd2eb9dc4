import { describe, expect, it } from 'vitest';
import { docker } from './harness/docker.ts';
import { postureFaults } from './harness/inspected.ts';
import { stackDeployment } from './harness/stack.ts';
import { allWork, effectsOnce, sendEffects } from './harness/work.ts';

describe('the stack sentinel, deployed by cdktf', () => {
  it('should do its work, scale, outlive its Redis master, keep no secret, and leave its data alone', async () => {
    await using deployment = await stackDeployment({ stack: 'sentinel' });
    await deployment.deployed();
    expect(await deployment.changes()).toBe('');

    const api = await deployment.api();
    expect(await api.indexAndAsk('The roof needs 340 new slates.', 'How many slates does the roof need?')).toContain(
      '340',
    );
    const first = await sendEffects(api, 1000);
    expect(await effectsOnce(deployment, first, 1000, 180_000)).toBe('1000|1000');

    // 1 -> 3: what ran before runs on
    const added = [deployment.nameOf('worker-1'), deployment.nameOf('worker-2')];
    expect(await deployment.scaled(3)).toEqual({ added, replaced: [] });
    const containers = await deployment.containers();
    await allWork(deployment, api, 3, 180_000);
    expect(await deployment.changes('-var', 'worker_replicas=3')).toBe('');

    // limits of processes among it, which the provider cannot set
    expect(await postureFaults([...containers.values()])).toEqual([]);

    // no secret in what Terraform keeps, plans or printed
    const kept = `${await deployment.kept()}\n${deployment.log}`;
    const secrets = await secretsOf(
      deployment.nameOf('secrets_store'),
      containers.get(deployment.nameOf('secrets')) ?? '',
    );
    expect(secrets.length).toBeGreaterThan(5);
    expect([...secrets, await deployment.apiKey()].filter((secret) => kept.includes(secret)).length).toBe(0);

    // Redis's master dies
    const second = await sendEffects(api, 500);
    await docker(['kill', deployment.nameOf('redis')]);
    const third = await sendEffects(api, 500);
    expect(await effectsOnce(deployment, second, 500, 240_000)).toBe('500|500');
    expect(await effectsOnce(deployment, third, 500, 240_000)).toBe('500|500');

    const data = ['postgres_data', 'redis_data', 'storage'].map((volume) => deployment.nameOf(volume));
    const left = { containers: [], networks: [], volumes: expect.arrayContaining(data) };
    expect(await deployment.destroyed()).toEqual(left);
  });
});

/** What stands in the store of secrets, read as root by a container of the same image: every line long enough to be one. */
async function secretsOf(volume: string, container: string): Promise<readonly string[]> {
  const image = (await docker(['inspect', '--format', '{{.Image}}', container])).trim();
  const read = ['--entrypoint', '/bin/sh', image, '-c', 'find /store -type f -exec cat {} +'];
  const text = await docker([
    'run',
    '--rm',
    '--user',
    '0:0',
    '--network',
    'none',
    '-v',
    `${volume}:/store:ro`,
    ...read,
  ]);
  return text.split(/[\s"':,{}]+/).filter((word) => word.length >= 20 && !/^-+|-+$/.test(word));
}
