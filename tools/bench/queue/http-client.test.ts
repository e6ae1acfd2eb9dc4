import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import { describe, expect, it } from 'vitest';
import { HttpConnection, postRequest } from './http-client.ts';

async function serving(listener: RequestListener) {
  const server = createServer(listener).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('expected a TCP address');
  return {
    target: { host: '127.0.0.1', port: address.port, path: '/v1/tasks', apiKey: 'key' },
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

describe('a connection to the API', () => {
  it('should carry requests one after another, whole bodies both ways', async () => {
    const long = 'é'.repeat(200_000);
    await using server = await serving(async (request, response) => {
      const body = Buffer.concat(await Array.fromAsync(request)).toString('utf8');
      const answer = `${request.headers.authorization} ${request.url} ${body}`;
      response.writeHead(202, { 'content-length': Buffer.byteLength(answer) }).end(answer);
    });
    using connection = await HttpConnection.open(server.target);
    for (const body of ['{"n":1}', long]) {
      expect(await connection.send(postRequest(server.target, body))).toEqual({
        status: 202,
        body: `Bearer key /v1/tasks ${body}`,
      });
    }
  });

  it('should fail when the server hangs up instead of answering', async () => {
    await using server = await serving((request) => request.socket.destroy());
    using connection = await HttpConnection.open(server.target);
    await expect(connection.send(postRequest(server.target, '{}'))).rejects.toThrow();
  });
});
