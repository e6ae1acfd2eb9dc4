import { expect, it } from 'vitest';
import { readEvents } from './server-events.ts';

const streamOf = (bytes: Uint8Array, size: number) =>
  new ReadableStream<Uint8Array>({
    start(controller) {
      for (let from = 0; from < bytes.length; from += size) controller.enqueue(bytes.slice(from, from + size));
      controller.close();
    },
  });

const text = ': still here\n\nevent: status\nid: 1.1\ndata: {"step":"Mühle"}\n\ndata: a\ndata: b\n\nevent: cut';

it.each([1, 3, 7, 1000])('should read events however they are cut (%s bytes at a time)', async (size) => {
  const events = await Array.fromAsync(readEvents(streamOf(new TextEncoder().encode(text), size)));
  expect(events).toEqual([
    { event: 'status', data: '{"step":"Mühle"}' },
    { event: 'message', data: 'a\nb' },
  ]);
});
