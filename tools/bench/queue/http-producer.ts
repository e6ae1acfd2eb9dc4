/** Sends tasks to Millrace's API, as a process of its own: one POST a connection at a time. API_URL, API_KEY. */
import { type EnqueueRequest, enqueue, given, serve } from '../../../loadtest/peers/protocol.ts';
import { HttpConnection, postRequest } from './http-client.ts';

const accepted = 202;
const url = new URL(given('API_URL'));
const server = { host: url.hostname, port: Number(url.port), apiKey: given('API_KEY') };
const task = { task: 'sample_noop', payload: {} };

const requestOf = (batch: number) =>
  batch === 1
    ? postRequest({ ...server, path: '/v1/tasks' }, JSON.stringify(task))
    : postRequest(
        { ...server, path: '/v1/tasks/batch' },
        JSON.stringify({ tasks: Array.from({ length: batch }, () => task) }),
      );

async function send(request: EnqueueRequest) {
  using stack = new DisposableStack();
  const free: HttpConnection[] = [];
  for (let opened = 0; opened < request.callers; opened += 1) free.push(stack.use(await HttpConnection.open(server)));
  const bytes = requestOf(request.batch);
  // awaited here: the connections are closed when this function ends
  return await enqueue(request, async () => {
    const connection = free.pop();
    if (!connection) throw new Error('more callers than connections');
    const { status, body } = await connection.send(bytes);
    if (status !== accepted) throw new Error(`expected status ${accepted}, got ${status}: ${body}`);
    free.push(connection);
  });
}

await serve<EnqueueRequest>(send, async () => undefined);
