/** A test run that was killed leaves containers which come back with Docker: the next one removes them. */
import { spawnSync } from 'node:child_process';
import { afterAll, expect, it } from 'vitest';
import { imageFor } from '../harness/docker-images.ts';
import { docker, dockerLines } from './harness/docker.ts';
import { deploymentName, setup } from './harness/leftovers.ts';

/** An id that was a process's a moment ago. */
const gone = spawnSync(process.execPath, ['--version']).pid;
const ofDead = `millrace-test-${gone}-1`;
const mine = deploymentName(1);
const others = `other-${process.pid}`;

const names = async () => [
  ...(await dockerLines('ps', '--all', '--format', '{{.Names}}')),
  ...(await dockerLines('network', 'ls', '--format', '{{.Name}}')),
  ...(await dockerLines('volume', 'ls', '--format', '{{.Name}}')),
];
const made = (project: string) => [`${project}-standalone-worker`, `${project}_data`, `${project}_redis_data`] as const;

async function make(project: string): Promise<void> {
  const [container, network, volume] = made(project);
  await docker(['network', 'create', network]);
  await docker(['volume', 'create', volume]);
  const to = ['--network', network, '--volume', `${volume}:/data`];
  await docker(['run', '--detach', '--name', container, ...to, imageFor('REDIS_IMAGE'), 'sleep', '300']);
}

afterAll(async () => {
  for (const project of [ofDead, mine, others]) {
    const [container, network, volume] = made(project);
    await docker(['rm', '--force', '--volumes', container]).catch(() => undefined);
    await docker(['network', 'rm', network]).catch(() => undefined);
    await docker(['volume', 'rm', volume]).catch(() => undefined);
  }
});

it('should remove what a test process left that is gone, and nothing of those that live or that is no test', async () => {
  for (const project of [ofDead, mine, others]) await make(project);
  await setup();
  const left = await names();
  expect(left).toEqual(expect.arrayContaining([...made(mine), ...made(others)]));
  expect(left.filter((name) => name.startsWith(ofDead))).toEqual([]);
});
