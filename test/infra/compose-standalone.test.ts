import { describe, expect, it } from 'vitest';
import { composeDeployment } from './harness/compose.ts';
import { allowedBeyondNeed } from './harness/least-privilege.ts';
import { writersOf } from './harness/log-file.ts';
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

      const reached = await deployment.compose(['exec', '-T', 'worker', 'node', '-e', reach]);
      expect(JSON.parse(reached)).toEqual({ direct: 'refused', proxied: 403, redis: '-NOAUTH' });
      for (const service of ['api', 'worker', 'worker_beat'])
        expect([service, await allowedBeyondNeed(deployment, service)]).toEqual([service, []]);
    }
    expect(await deployment.leftovers()).toEqual([]);
  });
});

/** In a worker: a public address without the proxy, a private one through it, and Redis without a password. */
const reach = `
const net = require('node:net'), http = require('node:http');
const direct = () => new Promise((done) => {
  const socket = net.connect({ host: '192.0.2.1', port: 80, timeout: 5000 });
  for (const event of ['connect', 'error', 'timeout']) socket.on(event, () => done(event === 'connect' ? 'connected' : 'refused'));
});
const redis = () => new Promise((done) => {
  const socket = net.connect({ host: 'redis', port: 6379, timeout: 5000 }, () => socket.write('PING\\r\\n'));
  socket.on('data', (data) => done(String(data).split(' ')[0])).on('error', (error) => done(error.code));
});
const proxied = () => new Promise((done, failed) => {
  http.get('http://api:5001/healthz', ({ statusCode }) => done(statusCode)).on('error', failed);
});
Promise.all([direct(), proxied(), redis()]).then(([direct, proxied, redis]) => {
  console.log(JSON.stringify({ direct, proxied, redis }));
  process.exit();
});`;
