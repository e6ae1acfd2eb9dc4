import { once } from 'node:events';
import { createServer, request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { SseStream } from './sse.ts';

describe('SseStream', () => {
  const closers: (() => void)[] = [];
  afterEach(() => {
    for (const close of closers.splice(0)) close();
  });

  /** A stream whose reader is there and does not read yet. */
  async function open(ready: () => void): Promise<{ sse: SseStream; reader: IncomingMessage }> {
    const made = Promise.withResolvers<SseStream>();
    const server = createServer((_request, response: ServerResponse) => {
      made.resolve(new SseStream(response, { headers: { 'x-own': 'yes' }, ready }));
    });
    closers.push(() => {
      server.closeAllConnections();
      server.close();
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const request = httpRequest({ host: '127.0.0.1', port: (server.address() as AddressInfo).port }).end();
    const [reader] = (await once(request, 'response')) as [IncomingMessage];
    return { sse: await made.promise, reader };
  }

  it('should say when its reader is slow, and ask for the newest when all was taken', async () => {
    const asked = Promise.withResolvers<void>();
    const { sse, reader } = await open(asked.resolve);
    expect(reader.headers).toMatchObject({ 'x-own': 'yes', 'content-type': 'text/event-stream; charset=utf-8' });
    reader.pause();
    let taken = false;
    void asked.promise.then(() => {
      taken = true;
    });
    // more than kernels keep for a connection
    sse.send({ event: 'progress', id: '1', data: 'x'.repeat(32 * 1024 * 1024) });
    expect(sse.writable).toBe(false);
    await new Promise((resolve) => setImmediate(resolve));
    expect(taken).toBe(false);
    reader.resume();
    await asked.promise;
    expect(sse.writable).toBe(true);
    sse.end();
    await once(reader, 'end');
    expect(sse.writable).toBe(false);
  });

  it('should write one event as its lines', async () => {
    const { sse, reader } = await open(() => undefined);
    sse.send({ event: 'status', id: '3.1', data: { text: 'two\nlines' } });
    sse.end();
    const text = (await Array.fromAsync(reader.setEncoding('utf8'))).join('');
    expect(text).toBe('event: status\nid: 3.1\ndata: {"text":"two\\nlines"}\n\n');
  });
});
