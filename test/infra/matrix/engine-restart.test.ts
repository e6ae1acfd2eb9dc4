import { expect, it } from 'vitest';
import { freePort } from '../../harness/processes.ts';
import { until } from '../../harness/until.ts';
import { composeDeployment } from '../harness/compose.ts';
import { docker } from '../harness/docker.ts';
import { OwnEngine } from '../harness/own-engine.ts';
import { effectsOnce, sendEffects } from '../harness/work.ts';

/** Until all that ran is healthy again. */
const backMs = 180_000;

it('a deployment should come back with its Docker Engine, restarted or after a power cut, but for what the operator stopped', async () => {
  const port = await freePort();
  await using engine = await OwnEngine.start(port);
  const env = { DOCKER_HOST: engine.host };
  await using deployment = await composeDeployment({
    topology: 'standalone',
    variables: { ...env, EXPOSE_API_PORT: String(port) },
  });
  const images = (await deployment.compose(['config', '--images'])).split('\n').filter((image) => image !== '');
  await engine.load([...new Set(images)]);
  await deployment.up('--scale', 'worker=2');
  const api = await deployment.api();
  const workers = await deployment.containers('worker');
  const stopped = workers[1]?.Name ?? '';
  await docker(['stop', stopped], { env });
  const running = async () => {
    const all = await deployment.containers();
    return all.filter(({ State, Health }) => State === 'running' && Health === 'healthy').map(({ Name }) => Name);
  };
  const before = (await running()).sort();

  for (const [what, end] of [
    ['a restart of the engine', () => engine.restart()],
    ['a power cut', () => engine.powerCut()],
  ] as const) {
    const run = await sendEffects(api, 500);
    await end();
    const startedAt = Date.now();
    await deployment.telling(`did not come back after ${what}`, async () => {
      expect(await effectsOnce(deployment, run, 500, backMs)).toBe('500|500');
      console.log(`the waiting work was done ${Math.round((Date.now() - startedAt) / 1000)} s after ${what}`);
      await until('all that ran is healthy', backMs, async () => (await running()).length >= before.length);
    });
    expect((await running()).sort()).toEqual(before);
    expect(before).not.toContain(stopped);
  }
});
