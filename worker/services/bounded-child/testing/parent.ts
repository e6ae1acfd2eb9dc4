/** A parent that is killed in a test: starts a bounded child that never ends, and prints the child's process id. */
import { Readable } from 'node:stream';
import { BoundedChild } from '../bounded-child.ts';

const child = new BoundedChild({ module: new URL('./tasks.ts', import.meta.url), heapMib: 64 });
const order = process.argv[2] === 'spin' ? { do: 'spin' } : { do: 'count' };
const input = process.argv[2] === 'spin' ? Readable.from([]) : new Readable({ read: () => undefined });
const limits = { wallMs: 60_000, rssBytes: 512 * 1024 * 1024, outputBytes: 1024, stallMs: 60_000 };
if (process.argv[2] !== 'spin') process.stdout.write(`${child.pid}\n`);
for await (const value of child.run({ input, argument: order, limits })) {
  if (value === 'spinning') process.stdout.write(`${child.pid}\n`);
}
