/** Passes every connection to one place on to another; also by itself: `node pass-on.ts SOCKET PORT` says when it listens. */
import { once } from 'node:events';
import { connect, createServer, type NetConnectOpts, type Server } from 'node:net';

/** @param from a port of 127.0.0.1, or the path of a socket */
export async function passOn(
  from: { readonly port: number } | { readonly path: string },
  to: NetConnectOpts,
): Promise<Server> {
  const server = createServer((here) => {
    const there = connect(to);
    here.pipe(there).pipe(here);
    here.on('error', () => there.destroy());
    there.on('error', () => here.destroy());
  });
  server.listen({ ...from, ...('port' in from ? { host: '127.0.0.1' } : {}) });
  await once(server, 'listening');
  return server;
}

if (import.meta.main) {
  const [path = '', port] = process.argv.slice(2);
  await passOn({ path }, { host: '127.0.0.1', port: Number(port) });
  console.log('ready');
}
