/** Commands of one turn of the event loop leave in one write. */
import type { Socket } from 'node:net';
import { Cluster, type Redis } from 'ioredis';

/**
 * ioredis writes each command to its socket by itself: a system call here and a read at the server for each. From now on the
 * socket holds them back until the turn is over, with its promises, and sends all in one. What a command waits for, its retries and
 * their order stay as they are: nothing of ioredis's own queue is touched, unlike with its auto-pipelining
 * (docs/decisions/0016-cost-of-the-ledger.md).
 */
export function writeOnceATurn(connection: Redis | Cluster): void {
  if (!(connection instanceof Cluster)) {
    eachSocket(connection);
    return;
  }
  for (const node of connection.nodes()) eachSocket(node);
  connection.on('+node', eachSocket);
}

function eachSocket(redis: Redis): void {
  redis.on('connect', () => holdBack(redis.stream as Socket));
}

function holdBack(socket: Socket): void {
  let held = false;
  const send = () => {
    held = false;
    socket.uncork();
  };
  const write = socket.write;
  socket.write = ((...written: Parameters<Socket['write']>) => {
    if (!held) {
      held = true;
      socket.cork();
      // after the promises of this turn too: these run before the queue of ticks is looked at again
      process.nextTick(send);
    }
    return write.apply(socket, written);
  }) as Socket['write'];
}
