/** Many who listen, in one process: as little work for each as can be. */
import { once } from 'node:events';
import { Agent, request } from 'node:http';
import { WebSocket } from 'ws';

/** What a listener hears: the name and the data of an event. */
type Heard = (event: string, data: string) => void;

export interface Api {
  readonly url: string;
  readonly key: string;
}

export interface Client {
  close(): void;
}

const atOnce = 50;

/** Opens so many, some at a time. */
export async function openAll(count: number, open: (n: number) => Promise<Client>): Promise<Client[]> {
  const clients: Client[] = [];
  for (let from = 0; from < count; from += atOnce) {
    const some = Array.from({ length: Math.min(atOnce, count - from) }, (_, n) => open(from + n));
    clients.push(...(await Promise.all(some)));
  }
  return clients;
}

/** Resolves when the first event has come. */
export async function openStream({ url, key }: Api, path: string, heard: Heard): Promise<Client> {
  const agent = new Agent({ keepAlive: false });
  const asked = request(`${url}${path}`, { agent, headers: { authorization: `Bearer ${key}` } }).end();
  asked.on('error', () => undefined);
  const [response] = await once(asked, 'response');
  if (response.statusCode !== 200) throw new Error(`expected a stream, instead got ${response.statusCode}`);
  response.on('error', () => undefined);
  let rest = '';
  response.setEncoding('utf8').on('data', (chunk: string) => {
    const parts = (rest + chunk).split('\n\n');
    rest = parts.pop() ?? '';
    for (const part of parts) {
      const event = /^event: (.*)$/m.exec(part)?.[1];
      if (event !== undefined) heard(event, /^data: (.*)$/m.exec(part)?.[1] ?? '');
    }
  });
  return { close: () => void response.destroy() };
}

/** Resolves when it is subscribed. */
export async function openSocket({ url, key }: Api, about: object, heard: Heard): Promise<Client> {
  const socket = new WebSocket(`${url.replace('http', 'ws')}/v1/ws`, {
    headers: { authorization: `Bearer ${key}` },
    perMessageDeflate: false,
  });
  const subscribed = Promise.withResolvers<void>();
  socket.on('error', subscribed.reject);
  socket.on('message', (message) => {
    const said = JSON.parse(message.toString());
    if (said.type === 'subscribed') subscribed.resolve();
    else if (said.type === 'event') heard(said.event, JSON.stringify(said.data));
  });
  await once(socket, 'open');
  socket.send(JSON.stringify({ type: 'subscribe', id: 'a', ...about }));
  await subscribed.promise;
  return { close: () => socket.terminate() };
}
