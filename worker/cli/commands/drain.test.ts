import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { PassThrough } from 'node:stream';
import { afterEach, expect, it } from 'vitest';
import type { QueueJson } from '../../api/types/operations.ts';
import { runCommandLine } from '../run.ts';

const server = createServer();
afterEach(() => {
  server.removeAllListeners('request');
  server.closeAllConnections();
  server.close();
});

const queue = (pending: number, notDurable: QueueJson['not_durable'] = { waiting: 0, delayed: 0, running: 0 }) => ({
  name: 'mail',
  tier: 'low',
  carries: 'mail',
  paused: false,
  depth: { pending, queued: 0, running: 0, retrying: 0 },
  not_durable: notDurable,
  redis: notDurable && { wait: 0, prioritized: 0, active: 0, delayed: 0 },
  oldest_seconds: 0,
  consumers: 1,
});

/** Runs `drain` against an API that answers so, and with the last of these from then on. */
async function drain(answers: readonly ((response: ServerResponse) => void)[], ...options: string[]) {
  let asked = 0;
  server.on('request', (_request, response) => {
    answers[Math.min(asked, answers.length - 1)]?.(response);
    asked += 1;
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const [output, errors] = [new PassThrough(), new PassThrough()];
  const { exitCode } = await runCommandLine(['drain', 'mail', ...options], {
    env: { MILLRACE_URL: url, MILLRACE_API_KEY: 'a-key-of-this-test' },
    output,
    errors,
    input: new PassThrough(),
    interruption: () => new AbortController().signal,
  });
  return { exitCode, stdout: String(output.read() ?? ''), stderr: String(errors.read() ?? '') };
}

const says = (one: object) => (response: ServerResponse) => {
  response.setHeader('content-type', 'application/json');
  response.end(JSON.stringify({ queues: [one] }));
};
const breaksOff = (response: ServerResponse) => response.destroy();
const breaksOffInTheMiddle = (response: ServerResponse) => {
  response.setHeader('content-length', '1000');
  response.write('{"queues": [', () => response.destroy());
};

it('should bear with an API that goes away and comes back', async () => {
  const ended = await drain([says(queue(1)), breaksOff, breaksOffInTheMiddle, says(queue(0))]);
  expect(ended).toMatchObject({ exitCode: 0, stderr: '' });
  expect(ended.stdout).toMatch(/^mail +draining 0\/1 tasks\nmail +empty 1\/1 tasks\nThe queues are empty\.\n$/);
});

it('should not bear with one that was never there', async () => {
  const ended = await drain([breaksOff]);
  expect(ended).toMatchObject({ exitCode: 69, stderr: expect.stringContaining('api_unreachable') });
});

it('should say that an answer was broken off, and not that no Millrace gave it', async () => {
  const ended = await drain([breaksOffInTheMiddle]);
  expect(ended).toMatchObject({ exitCode: 69, stderr: expect.stringContaining('api_unreachable') });
});

it('should not take a queue for empty while Redis does not tell what it holds', async () => {
  const ended = await drain([says(queue(0, null))], '--timeout', '0.1');
  expect(ended).toMatchObject({ exitCode: 124, stderr: expect.stringContaining('Redis does not answer') });
  expect(ended.stdout).not.toContain('The queues are empty');
});
