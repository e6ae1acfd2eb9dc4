import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { imageFor } from '../../harness/docker-images.ts';
import { until } from '../../harness/until.ts';
import { composeDeployment, freePort } from '../harness/compose.ts';
import { docker } from '../harness/docker.ts';

describe('a deployment on servers that are not its own', () => {
  it('should work on them, deploy none, and start nothing when the doctor finds a fault', async () => {
    const [redisPassword, databasePassword] = [randomBytes(18).toString('hex'), randomBytes(18).toString('hex')];
    await using servers = await startServers(redisPassword, databasePassword);
    const envFile = (password: string) => `DB_PASSWORD=${databasePassword}\nREDIS_PASSWORD=${password}\n`;
    const settings = { topology: 'external', variables: servers.variables } as const;

    {
      await using wrong = await composeDeployment({ ...settings, envFile: envFile(`${redisPassword}-not`) });
      await expect(wrong.up()).rejects.toThrow(/WRONGPASS|doctor/);
      expect(
        (await wrong.containers()).filter(({ Service, State }) => Service === 'worker' && State === 'running'),
      ).toEqual([]);
    }
    {
      await using deployment = await composeDeployment({ ...settings, envFile: envFile(redisPassword) });
      await deployment.up();
      const api = await deployment.api();
      expect(await api.indexAndAsk('The bell weighs 812 kilograms.', 'How heavy is the bell?')).toContain('812');
      const services = (await deployment.containers()).map(({ Service }) => Service);
      expect(services.filter((service) => /redis|postgres/.test(service))).toEqual([]);
    }
  });
});

/** Redis and Postgres on the address by which containers reach this host. */
async function startServers(redisPassword: string, databasePassword: string) {
  await using stack = new AsyncDisposableStack();
  const gateway = (
    await docker(['network', 'inspect', 'bridge', '--format', '{{(index .IPAM.Config 0).Gateway}}'])
  ).trim();
  const start = async (port: number, inside: number, ...args: readonly string[]) => {
    const id = (await docker(['run', '--detach', '--publish', `${gateway}:${port}:${inside}`, ...args])).trim();
    stack.defer(async () => {
      await docker(['rm', '--force', '--volumes', id]);
    });
    return id;
  };
  const [redisPort, databasePort] = [await freePort(), await freePort()];
  const settings = ['redis-server', '--requirepass', redisPassword, '--appendonly', 'yes', '--maxmemory', '200mb'];
  await start(redisPort, 6379, imageFor('REDIS_IMAGE'), ...settings, '--maxmemory-policy', 'noeviction');
  const database = await start(
    ...[databasePort, 5432, '--env', `POSTGRES_PASSWORD=${databasePassword}`, '--env', 'POSTGRES_DB=millrace'],
    ...[imageFor('POSTGRES_IMAGE'), 'postgres', '-c', 'max_connections=400'],
  );
  await until('Postgres answers', 60_000, async () => {
    await docker(['exec', database, 'pg_isready', '-h', '127.0.0.1', '-d', 'millrace']);
    return true;
  });
  const owned = stack.move();
  return {
    variables: {
      DB_HOST: gateway,
      DB_PORT: String(databasePort),
      REDIS_HOST: gateway,
      REDIS_PORT: String(redisPort),
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}
