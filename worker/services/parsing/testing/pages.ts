/**
 * The module that the tests of sharing run: a document that is JSON, its pages made up, and faults of whoever helps.
 * The first child says 'begun' when helpers may come, then yields each block's text.
 */
import v8 from 'node:v8';
import type { ChildContext } from '../../bounded-child/runner.ts';
import { type PageContent, type PageRange, sharedPages } from '../../extraction/page-sharing.ts';
import { isHelp, sharingThrough } from '../page-helper.ts';
import type { HelperValue } from '../page-messages.ts';

export interface MadeUp {
  readonly pages: number;
  /** What a helper does in the middle of its first range, its first part sent. */
  readonly helper: 'read' | 'die' | 'spin' | 'throw' | 'fill' | 'chatter';
  /** How long the first child takes for a page, in ms. */
  readonly pageMs: number;
}

const textOf = (page: number) => `The text of page ${page}.`;

function* read({ from, to }: PageRange, pageMs: number): Generator<PageContent> {
  for (let at = from; at < to; at += 1) {
    for (const end = performance.now() + pageMs; performance.now() < end; );
    yield { blocks: [{ kind: 'text', text: textOf(at), page: at + 1 }], drawn: false };
  }
}

export async function* run(
  input: AsyncIterable<Uint8Array>,
  argument: unknown,
  { ask }: ChildContext,
): AsyncGenerator<unknown> {
  const pieces: Uint8Array[] = [];
  for await (const piece of input) pieces.push(piece);
  const bytes = Buffer.concat(pieces);
  const file: MadeUp = JSON.parse(bytes.toString());
  const print = { pages: file.pages, bytes: bytes.byteLength, crc32: 0 };
  if (isHelp(argument)) {
    yield* help(file, async () => (await ask({ print })) as PageRange | null);
    return;
  }
  const sharing = sharingThrough(ask, 0);
  const ranges = await sharing.begin(print);
  yield 'begun';
  const begun = { ...sharing, begin: async () => ranges };
  for await (const { blocks } of sharedPages(begun, print, (range) => read(range, file.pageMs))) {
    for (const { text } of blocks) yield text;
  }
}

async function* help(file: MadeUp, claim: () => Promise<PageRange | null>): AsyncGenerator<HelperValue> {
  for (let range = await claim(); range !== null; range = await claim()) {
    for (const [at, { blocks }] of [...read(range, 0)].entries()) {
      const last = range.from + at + 1 === range.to;
      yield { index: range.index, part: { blocks: v8.serialize(blocks), drawnPages: 0, last } };
      misbehave(file.helper);
      if (file.helper === 'chatter') {
        const more = v8.serialize([{ kind: 'text', text: 'and so on '.repeat(100) }]);
        for (;;) yield { index: range.index, part: { blocks: more, drawnPages: 0, last: false } };
      }
    }
  }
}

function misbehave(how: MadeUp['helper']): void {
  if (how === 'die') process.kill(process.pid, 'SIGKILL');
  if (how === 'spin') for (;;);
  if (how === 'throw') throw new RangeError('a page that no reader copes with');
  if (how === 'fill') {
    const held: Buffer[] = [];
    for (;;) held.push(Buffer.alloc(16 * 1024 * 1024, 1));
  }
}
