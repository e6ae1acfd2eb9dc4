import { describe, expect, it } from 'vitest';
import { until } from '../harness/until.ts';
import { docker, dockerLines } from './harness/docker.ts';
import { postureFaults } from './harness/inspected.ts';
import { writersOf } from './harness/log-file.ts';
import { type StackDeployment, stackDeployment } from './harness/stack.ts';
import { allWork, effectsOnce, sendEffects } from './harness/work.ts';

describe('the stack standalone, deployed by cdktf', () => {
  it('should do its work, scale, take up a secret, outlive a crash of Redis, and leave data that make wipe removes, and no other', async () => {
    await using deployment = await stackDeployment({
      stack: 'standalone',
      variables: { LOG_FILE: '/app/logs/server.log' },
      envFile: '',
    });
    await deployment.deployed();
    expect(await postureFaults([...(await deployment.containers()).values()])).toEqual([]);
    expect(await deployment.changes()).toBe('');
    const api = await deployment.api();
    expect(await api.indexAndAsk('The roof needs 340 new slates.', 'How many slates does the roof need?')).toContain(
      '340',
    );

    // 1 -> 3: what ran before runs on
    const first = await sendEffects(api, 1000);
    const added = [deployment.nameOf('worker-1'), deployment.nameOf('worker-2')];
    expect(await deployment.scaled(3)).toEqual({ added, replaced: [] });
    expect(await effectsOnce(deployment, first, 1000, 180_000)).toBe('1000|1000');
    await allWork(deployment, api, 3, 180_000);

    // a secret that comes, and one that changes: the one-shot writes it, who reads it is replaced, and all others run on
    const workers = ['worker-0', 'worker-1', 'worker-2'];
    const readers = ['api', 'secrets', ...workers].map((name) => deployment.nameOf(name));
    const file = (name: string) =>
      docker(['exec', deployment.nameOf(name), 'cat', '/run/secrets/millrace/openai_api_key']);
    for (const secret of ['sk-of-a-test-that-comes', 'sk-of-a-test-that-changes']) {
      await deployment.write({ 'compose/.env': `OPENAI_API_KEY=${secret}\n` });
      expect(await deployment.redeployed()).toEqual({ added: [], replaced: readers });
      expect(await Promise.all(['api', 'worker-0', 'worker-2'].map(file))).toEqual([secret, secret, secret]);
      expect(await deployment.changes('-var', 'worker_replicas=3')).toBe('');
      expect(`${await deployment.kept()}\n${deployment.log}`).not.toContain(secret);
    }
    await allWork(deployment, api, 3, 180_000);

    // one file of all that log, on a read-only root
    const log = await docker(['exec', deployment.nameOf('worker-2'), 'cat', '/app/logs/server.log']);
    const ids = await deployment.containers();
    const logging = ['api', 'worker-0', 'worker-1', 'worker_beat'].map((name) => ids.get(deployment.nameOf(name)));
    expect(writersOf(log)).toEqual(expect.arrayContaining(logging.map((id) => id?.slice(0, 12))));

    const second = await sendEffects(api, 500);
    await crashRedis(deployment);
    const third = await sendEffects(api, 500);
    expect(await effectsOnce(deployment, second, 500, 240_000)).toBe('500|500');
    expect(await effectsOnce(deployment, third, 500, 240_000)).toBe('500|500');
    expect(await deployment.changes('-var', 'worker_replicas=3')).toBe('');

    // of a project that is called as this stack is, and of one whose name ends as this one's
    const others = [`${deployment.nameOf('sentinel')}-storage`, `other-${deployment.nameOf('storage')}`];
    for (const volume of others) await docker(['volume', 'create', volume]);
    const standing = await deployment.make('wipe', 'YES=1');
    expect([standing.code, standing.output]).toEqual([2, expect.stringContaining('npx cdktf destroy standalone')]);
    const { containers, networks, volumes } = await deployment.destroyed();
    expect({ containers, networks }).toEqual({ containers: [], networks: [] });
    const own = volumes.filter((volume) => !others.includes(volume));
    const data = ['postgres_data', 'redis_data', 'storage', 'secrets_store'].map((name) => deployment.nameOf(name));
    expect(own).toEqual(expect.arrayContaining(data));

    const unasked = await deployment.make('wipe');
    // make's own exit code for a command that failed
    expect([unasked.code, unasked.output]).toEqual([2, expect.stringContaining('Nothing was removed.')]);
    expect(unasked.output).toContain(`make wipe STACK=standalone YES=1`);
    expect((await deployment.leftovers()).volumes).toEqual(volumes);

    const wiped = await deployment.make('wipe', 'YES=1');
    expect([wiped.code, wiped.output]).toEqual([0, expect.stringContaining(`Removed ${own.length} volumes.`)]);
    expect(own.filter((volume) => !wiped.output.includes(volume))).toEqual([]);
    expect([...(await deployment.leftovers()).volumes].sort()).toEqual(others.sort());

    const again = await deployment.make('wipe', 'YES=1');
    expect([again.code, again.output]).toEqual([
      0,
      expect.stringContaining('Nothing is left of the stack standalone.'),
    ]);
  });
});

/** Kills the server from inside, as a crash would: Docker starts it again, by its restart policy, without anybody's help. */
async function crashRedis(deployment: StackDeployment): Promise<void> {
  const redis = deployment.nameOf('redis');
  const crashes = async () => Number((await dockerLines('inspect', '--format', '{{.RestartCount}}', redis))[0]);
  const before = await crashes();
  // every process of its user, but its init
  await docker(['exec', redis, '/bin/sh', '-c', 'kill -9 -1']).catch(() => undefined);
  await until('Redis crashed and is started again', 60_000, async () => (await crashes()) > before);
  const health = ['inspect', '--format', '{{.State.Health.Status}}', redis];
  await until('Redis is healthy', 120_000, async () => (await docker(health)).trim() === 'healthy');
}
