/** The module that the bounded child's tests run: one task, told by its argument what to do. */
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import type { ChildContext } from '../runner.ts';

export type Order =
  | { do: 'count' }
  | { do: 'echo' }
  | { do: 'ignore-input' }
  | { do: 'spin' }
  | { do: 'hoard' }
  | { do: 'hoard-heap' }
  | { do: 'throw' }
  | { do: 'exit' }
  | { do: 'chatter' }
  | { do: 'flood'; values: number; bytes: number }
  | { do: 'write-file'; path: string }
  | { do: 'read-file'; path: string }
  | { do: 'spawn' }
  | { do: 'environment' }
  | { do: 'ask'; questions: readonly unknown[] }
  | { do: 'ask-too-early' }
  | { do: 'leave-unanswered' }
  | { do: 'remember' };

class OddError extends Error {
  readonly code = 'odd_code';
  readonly hint = 'Do it evenly.';
}

export async function* run(
  input: AsyncIterable<Uint8Array>,
  argument: unknown,
  context: ChildContext,
): AsyncGenerator<unknown> {
  const order = argument as Order;
  switch (order.do) {
    case 'count': {
      let bytes = 0;
      for await (const piece of input) bytes += piece.byteLength;
      yield bytes;
      break;
    }
    case 'echo':
      for await (const piece of input) yield Buffer.from(piece).toString('utf8');
      break;
    case 'ignore-input':
      yield 'done without it';
      break;
    case 'spin':
      yield 'spinning';
      for (;;);
    case 'hoard': {
      const held: Buffer[] = [];
      for (;;) {
        held.push(Buffer.alloc(8 * 1024 * 1024, 1));
        await new Promise((resolve) => setTimeout(resolve, 5));
        if (held.length > 1000) return;
      }
    }
    case 'hoard-heap': {
      const held: unknown[] = [];
      for (;;) held.push({ text: `${held.length}`, more: [held.length] });
    }
    case 'throw':
      yield 1;
      throw new OddError('an even number was expected');
    case 'exit':
      process.exit(7);
      break;
    case 'chatter':
      console.log('a library that talks must not break the frames');
      process.stdout.write('x'.repeat(100_000));
      yield 'said';
      break;
    case 'flood':
      for (let at = 0; at < order.values; at += 1) yield { at, filler: 'x'.repeat(order.bytes) };
      break;
    case 'write-file':
      writeFileSync(order.path, 'x');
      break;
    case 'read-file':
      yield readFileSync(order.path, 'latin1').length;
      break;
    case 'spawn':
      spawnSync('true');
      yield 'spawned';
      break;
    case 'environment':
      yield { ...process.env };
      break;
    case 'ask':
      for await (const _piece of input);
      for (const question of order.questions) yield await context.ask(question);
      break;
    case 'ask-too-early':
      yield await context.ask('early');
      break;
    case 'leave-unanswered':
      for await (const _piece of input);
      void context.ask('a question');
      yield 'left';
      break;
    case 'remember': {
      const before = context.cache.get('count');
      const count = typeof before === 'number' ? before + 1 : 1;
      context.cache.set('count', count);
      yield { count, pid: process.pid };
    }
  }
}
