import { expect, it } from 'vitest';
import { outsideServers } from '../harness/outside-servers.ts';
import { stackDeployment } from '../harness/stack.ts';
import { allWork, effectsOnce, sendEffects } from '../harness/work.ts';

it('the stack external should stop at the doctor, who finds a wrong password, and work and scale once it is mended', async () => {
  await using servers = await outsideServers();
  const { variables, databasePassword, redisPassword } = servers;
  const secrets = (redis: string) => `DB_PASSWORD=${databasePassword}\nREDIS_PASSWORD=${redis}\n`;
  await using deployment = await stackDeployment({
    stack: 'external',
    variables: { ...variables, MILLRACE_TOPOLOGY: 'external' },
    envFile: secrets(`${redisPassword}-not`),
  });

  const failed = await deployment.deploy();
  expect(failed.code).not.toBe(0);
  expect(failed.output).toMatch(/doctor exited with[\s\S]*WRONGPASS/);
  const standing = [...(await deployment.containers()).keys()];
  expect(standing).toContain(deployment.nameOf('doctor'));
  const processes = ['api', 'migrate', 'worker-0', 'worker_beat'].map((name) => deployment.nameOf(name));
  expect(standing.filter((name) => processes.includes(name))).toEqual([]);

  await deployment.write({ 'compose/.env': secrets(redisPassword) });
  const mended = await deployment.redeployed();
  expect(mended).toEqual({
    added: processes,
    replaced: ['doctor', 'secrets'].map((name) => deployment.nameOf(name)),
  });
  expect(await deployment.changes()).toBe('');
  const names = [...(await deployment.containers()).keys()];
  expect(names.filter((name) => /redis|postgres/.test(name))).toEqual([]);

  const api = await deployment.api();
  expect(await api.indexAndAsk('The bell weighs 812 kilograms.', 'How heavy is the bell?')).toContain('812');
  const run = await sendEffects(api, 1000);
  expect(await effectsOnce(servers, run, 1000, 180_000)).toBe('1000|1000');
  expect(await deployment.scaled(3)).toEqual({
    added: [deployment.nameOf('worker-1'), deployment.nameOf('worker-2')],
    replaced: [],
  });
  await allWork(servers, api, 3, 180_000);

  const kept = `${await deployment.kept()}\n${deployment.log}`;
  expect([redisPassword, databasePassword].filter((secret) => kept.includes(secret)).length).toBe(0);
  const { containers, networks } = await deployment.destroyed();
  expect({ containers, networks }).toEqual({ containers: [], networks: [] });
});
