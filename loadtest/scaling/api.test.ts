import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, it } from 'vitest';
import { findInstallation } from './api.ts';

const server = createServer();
afterEach(() => {
  server.removeAllListeners('request');
  server.closeAllConnections();
  server.close();
});

async function installation(listener: RequestListener) {
  server.on('request', listener).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const MILLRACE_URL = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return findInstallation({ MILLRACE_URL, MILLRACE_API_KEY: 'a-key-of-this-test' });
}

const worker = { id: 'one', queues: ['fast_tasks'], slots: { capacity: 4 } };

it('should wait for workers also while the API is started anew', async () => {
  let asked = 0;
  const { untilWorkers } = await installation((_request, response) => {
    asked += 1;
    if (asked === 1) response.destroy();
    else response.end(JSON.stringify({ workers: asked === 2 ? [] : [worker] }));
  });
  expect(await untilWorkers(1)).toEqual([worker]);
  expect(asked).toBe(3);
});

it('should wait for workers no longer when it is told to stop', async () => {
  const controller = new AbortController();
  const { untilWorkers } = await installation((_request, response) => {
    controller.abort(new Error('Ctrl-C'));
    response.end(JSON.stringify({ workers: [] }));
  });
  await expect(untilWorkers(1, controller.signal)).rejects.toThrow('Ctrl-C');
});

it('should not wait where the API refuses the key', async () => {
  const { untilWorkers } = await installation((_request, response) => response.writeHead(401).end('{}'));
  await expect(untilWorkers(1)).rejects.toMatchObject({ code: 'api_refused' });
});

it('should say of each file of a key why it is none', async () => {
  await expect(findInstallation({ MILLRACE_HOME: '/proc/self/nowhere' })).rejects.toMatchObject({
    code: 'api_key_missing',
    message: expect.stringContaining('/proc/self/nowhere/api-key (ENOENT)'),
  });
});
