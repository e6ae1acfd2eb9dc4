/** The proxy that network faults stand on does what they say of it. */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { startProxy, type TcpProxy } from '../harness/proxy.ts';
import { randomOf } from '../harness/random.ts';
import { until } from '../harness/until.ts';

const soonMs = 5000;
/** Long enough for what does come on this machine. */
const quietMs = 200;

let server: Server;
let proxy: TcpProxy;
const clients: Socket[] = [];
const served: Socket[] = [];

beforeEach(async () => {
  server = createServer((socket) => {
    served.push(socket);
    socket.on('error', () => undefined).pipe(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  // a server that listens on TCP has such an address
  proxy = await startProxy(server.address() as AddressInfo);
});
afterEach(async () => {
  for (const socket of [...clients.splice(0), ...served.splice(0)]) socket.destroy();
  await proxy[Symbol.asyncDispose]();
  server.close();
});

/** A client, and what it has heard. */
async function join() {
  const client = connect({ port: proxy.port, host: proxy.host, noDelay: true });
  clients.push(client);
  const link = { client, heard: '', error: undefined as string | undefined };
  client.on('data', (bytes) => {
    link.heard += bytes;
  });
  client.on('error', (error: NodeJS.ErrnoException) => {
    link.error = error.code;
  });
  await once(client, 'connect');
  return link;
}

const hears = (link: { readonly heard: string }, text: string) =>
  until(`the client hears ${text}`, soonMs, async () => link.heard === text);

it('should hand on what is said, in order, and the end', async () => {
  const link = await join();
  const text = Array.from({ length: 20_000 }, (_, n) => `${n} `).join('');
  link.client.write(text);
  await hears(link, text);
  link.client.end();
  await once(link.client, 'close');
  await until('the link is gone', soonMs, async () => proxy.clientPorts().length === 0);
});

it('should let nothing through links that are silent, take new ones, and go on when healed', async () => {
  const [silent, spared] = [await join(), await join()];
  silent.client.write('a');
  await hears(silent, 'a');
  proxy.blackhole({ spares: (port) => port === spared.client.localPort });
  silent.client.write('b');
  spared.client.write('c');
  const later = await join();
  later.client.write('d');
  await Promise.all([hears(spared, 'c'), hears(later, 'd')]);
  await wait(quietMs);
  expect([silent.heard, silent.error, silent.client.closed]).toEqual(['a', undefined, false]);
  proxy.heal();
  await hears(silent, 'ab');
});

it('should take new links and say nothing on them when told so', async () => {
  proxy.blackhole({ newLinksToo: true });
  const link = await join();
  link.client.write('a');
  await wait(quietMs);
  expect(link.heard).toBe('');
  proxy.heal();
  await hears(link, 'a');
});

it('should not tell a silent side that the other is gone', async () => {
  const link = await join();
  link.client.write('a');
  await hears(link, 'a');
  proxy.blackhole();
  for (const socket of served) socket.destroy();
  link.client.write('b');
  await wait(quietMs);
  expect([link.error, link.client.readableEnded, link.client.closed]).toEqual([undefined, false, false]);
  proxy.heal();
  await once(link.client, 'close');
});

it('should reset links', async () => {
  const link = await join();
  link.client.write('a');
  await hears(link, 'a');
  proxy.reset();
  await until('the client is reset', soonMs, async () => link.error === 'ECONNRESET');
});

it('should delay each way, in order', async () => {
  const link = await join();
  proxy.slow({ delayMs: 100, jitterMs: 50, lateShare: 0, lateMs: 0, random: randomOf(1) });
  const startedAt = performance.now();
  for (let n = 0; n < 10; n += 1) {
    link.client.write(String(n));
    await wait(10);
  }
  await hears(link, '0123456789');
  expect(performance.now() - startedAt).toBeGreaterThanOrEqual(100);
});
