/** Reading a document's bytes: its head first, then all of them, in pieces or whole. */
import { tooLargeDocument } from './faults.ts';

export interface Peeked {
  /** At most `headBytes` first bytes. */
  readonly head: Uint8Array;
  /** True when the head is the whole. */
  readonly complete: boolean;
  /** All bytes, the head's too. */
  readonly bytes: AsyncIterable<Uint8Array>;
}

/** Reads a head of at most `headBytes` and gives it back in front of the rest. */
export async function peek(source: AsyncIterable<Uint8Array>, headBytes: number): Promise<Peeked> {
  const iterator = source[Symbol.asyncIterator]();
  const pieces: Uint8Array[] = [];
  let length = 0;
  let complete = false;
  while (length < headBytes) {
    const next = await iterator.next();
    if (next.done === true) {
      complete = true;
      break;
    }
    pieces.push(next.value);
    length += next.value.byteLength;
  }
  const read = pieces.length === 1 && pieces[0] !== undefined ? pieces[0] : Buffer.concat(pieces);
  async function* all(): AsyncGenerator<Uint8Array> {
    if (read.byteLength > 0) yield read;
    if (complete) return;
    for (;;) {
      const next = await iterator.next();
      if (next.done === true) return;
      yield next.value;
    }
  }
  return { head: read.subarray(0, headBytes), complete: complete && length <= headBytes, bytes: all() };
}

/** The whole document. @throws DocumentError `document_too_large` beyond `maxBytes`. */
export async function readWhole(bytes: AsyncIterable<Uint8Array>, maxBytes: number, what: string): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  let length = 0;
  for await (const piece of bytes) {
    length += piece.byteLength;
    if (length > maxBytes) {
      const mebibytes = Math.floor(maxBytes / (1024 * 1024));
      throw tooLargeDocument(`${what} is larger than the ${mebibytes} MiB that can be read of this format.`);
    }
    pieces.push(piece);
  }
  const [first] = pieces;
  // A file that stands in memory already is not copied.
  if (pieces.length === 1 && Buffer.isBuffer(first)) return first;
  return Buffer.concat(pieces, length);
}
