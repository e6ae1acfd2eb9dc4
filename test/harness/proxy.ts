/** A TCP proxy on 127.0.0.1 that does to its links what networks do: loses them, cuts them, slows them down. */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { Pipe, type Slowness } from './proxy-pipe.ts';

export interface TcpProxy extends AsyncDisposable {
  readonly host: string;
  readonly port: number;
  /** The client's port of every link. */
  clientPorts(): number[];
  /**
   * Nothing comes through the links that there are, either way, and neither side is told. New links work, unless told otherwise.
   * @param spares whether a link is left alone, by the port of its client
   */
  blackhole(options?: { readonly newLinksToo?: boolean; readonly spares?: (clientPort: number) => boolean }): void;
  /** What was silent goes on, with what was sent meanwhile; new links work. */
  heal(): void;
  /** Both sides of every link are sent a reset. */
  reset(): void;
  /** From now on; undefined: as fast as it can. */
  slow(slowness: Slowness | undefined): void;
}

interface Link {
  readonly clientPort: number;
  readonly sockets: readonly Socket[];
  readonly pipes: readonly Pipe[];
}

const host = '127.0.0.1';

/** @param target a port of 127.0.0.1; nothing need listen there yet */
export async function startProxy(target: { readonly port: number }): Promise<TcpProxy> {
  const links = new Set<Link>();
  let silentAnew = false;
  let slowness: Slowness | undefined;

  const server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
    const upstream = connect({ host, port: target.port, allowHalfOpen: true, noDelay: true });
    const pace = () => slowness;
    const pipes = [new Pipe(client, upstream, pace), new Pipe(upstream, client, pace)];
    const link: Link = { clientPort: client.remotePort ?? 0, sockets: [client, upstream], pipes };
    links.add(link);
    for (const socket of link.sockets) {
      // a reset, or nobody who listens: the close that follows says enough
      socket.on('error', () => undefined);
      socket.once('close', () => end(link));
    }
    if (silentAnew) for (const pipe of pipes) pipe.silence();
  });
  /** One side is gone: the other hears of it, unless nothing comes through. */
  const end = (link: Link) => {
    if (link.pipes.some((pipe) => pipe.silent)) return;
    if (link.sockets.every((socket) => socket.closed)) links.delete(link);
    for (const socket of link.sockets) if (!socket.destroyed) socket.destroySoon();
  };

  server.listen(0, host);
  await once(server, 'listening');
  // a server that listens on TCP has such an address
  const { port } = server.address() as AddressInfo;
  return {
    host,
    port,
    clientPorts: () => [...links].map(({ clientPort }) => clientPort),
    blackhole({ newLinksToo = false, spares = () => false } = {}) {
      silentAnew = newLinksToo;
      for (const { clientPort, pipes } of links) if (!spares(clientPort)) for (const pipe of pipes) pipe.silence();
    },
    heal() {
      silentAnew = false;
      for (const link of links) {
        for (const pipe of link.pipes) pipe.resume();
        if (link.sockets.some((socket) => socket.closed)) end(link);
      }
    },
    reset() {
      for (const { sockets } of links) for (const socket of sockets) socket.resetAndDestroy();
    },
    slow(next) {
      slowness = next;
    },
    async [Symbol.asyncDispose]() {
      server.close();
      for (const { sockets } of links) for (const socket of sockets) socket.destroy();
      links.clear();
      await once(server, 'close');
    },
  };
}
