import { describe, expect, it } from 'vitest';
import { type ComposeDeployment, composeDeployment } from './harness/compose.ts';
import { docker } from './harness/docker.ts';
import { allowedBeyondNeed } from './harness/least-privilege.ts';
import { writersOf } from './harness/log-file.ts';
import { neighbourOn, reach } from './harness/neighbour.ts';
import { serverSettings } from './harness/server-settings.ts';
import { allWork, effectsOnce, sendEffects } from './harness/work.ts';

describe('a standalone deployment by compose', () => {
  it('should index a document, do 1,000 tasks, scale to three workers that all work, and leave nothing', async () => {
    const deployment = await composeDeployment({
      topology: 'standalone',
      variables: { LOG_FILE: '/app/logs/server.log' },
    });
    {
      await using _ = deployment;
      await deployment.up();
      const api = await deployment.api();

      const found = await api.indexAndAsk('The roof needs 340 new slates.', 'How many slates does the roof need?');
      expect(found).toContain('340');

      const run = await sendEffects(api, 1000);
      expect(await effectsOnce(deployment, run, 1000, 120_000)).toBe('1000|1000');

      const named = ({ Name, ID }: { readonly Name: string; readonly ID: string }) => `${Name} ${ID}`;
      const before = (await deployment.containers()).map(named);
      await deployment.up('--scale', 'worker=3');
      const after = await deployment.containers();
      expect(after.map(named)).toEqual(expect.arrayContaining(before));
      const workers = after.filter(({ Service }) => Service === 'worker');
      expect(workers.map(({ State, Health }) => `${State} ${Health}`)).toEqual(Array(3).fill('running healthy'));
      await allWork(deployment, api, 3, 120_000);

      // one file of all that log, on a read-only root
      const log = await deployment.compose(['exec', '-T', 'worker', 'cat', '/app/logs/server.log']);
      const logging = after.filter(({ Service }) => ['api', 'worker', 'worker_beat'].includes(Service));
      expect(writersOf(log)).toEqual(expect.arrayContaining(logging.map(({ ID }) => ID.slice(0, 12))));

      await keptFromNeighbours(deployment);
      const unnamed = await deployment.compose(['exec', '-T', 'worker', 'node', '-e', pingWithoutPassword]);
      expect(unnamed).toMatch(/^-NOAUTH/);
      expect(await serverSettings(deployment)).toEqual({
        maxmemory: expect.closeTo(0.6, 3),
        maxmemory_policy: 'noeviction',
        aof_enabled: '1',
        max_connections: '400',
        password_encryption: 'scram-sha-256',
        statement_timeout: '1min',
        idle_in_transaction_session_timeout: '1min',
        synchronous_commit: 'on',
        fsync: 'on',
      });
      for (const service of ['api', 'worker', 'worker_beat'])
        expect([service, await allowedBeyondNeed(deployment, service)]).toEqual([service, []]);
    }
    expect(await deployment.leftovers()).toEqual([]);
  });
});

/** A private address that answers: a worker gets there neither straight nor by the proxy, until the operator names it. */
async function keptFromNeighbours(deployment: ComposeDeployment): Promise<void> {
  const edge = `${deployment.project}_edge`;
  const internal = async (network: string) =>
    (await docker(['network', 'inspect', '--format', '{{.Internal}}', `${deployment.project}_${network}`])).trim();
  expect(await Promise.all(['data', 'ssrf_proxy_network', 'edge'].map(internal))).toEqual(['true', 'true', 'false']);

  await using neighbour = await neighbourOn(edge, process.env.MILLRACE_IMAGE || 'millrace/worker:local');
  const from =
    (service: string) =>
    (...command: string[]) =>
      deployment.compose(['exec', '-T', service, ...command]);
  const { name, address } = neighbour;
  // it is there: the API, which publishes a port and so is on that network, gets to it
  expect(await reach(from('api'), address)).toMatchObject({ direct: 'connected' });
  expect(await reach(from('worker'), address)).toEqual({ direct: 'refused', status: 403 });
  expect(await reach(from('worker'), name)).toEqual({ direct: 'refused', status: 403 });

  const ids = async () => new Map((await deployment.containers()).map(({ Service, ID }) => [ID, Service]));
  const before = await ids();
  // a plain `up` that keeps the number of workers
  await deployment.changed({ MILLRACE_PROXY_ALLOW: `${name}:80`, MILLRACE_WORKER_REPLICAS: '3' }).up();
  expect(await reach(from('worker'), name)).toEqual({ direct: 'refused', status: 200 });
  const replaced = [...(await ids())].filter(([id]) => !before.has(id)).map(([, service]) => service);
  expect(replaced).toEqual(['ssrf_proxy']);
}

const pingWithoutPassword = `
const socket = require('node:net').connect({ host: 'redis', port: 6379, timeout: 5000 }, () => socket.write('PING\\r\\n'));
socket.on('data', (data) => { console.log(String(data)); process.exit(); }).on('error', (error) => { console.log(error.code); process.exit(); });`;
