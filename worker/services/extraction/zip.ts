/** Reading the parts of a zip file without ever inflating more than was allowed. */
import { crc32, createInflateRaw, inflateRawSync } from 'node:zlib';
import { encryptedDocument, malformedDocument, tooLargeDocument, truncatedDocument } from './faults.ts';

interface Entry {
  readonly name: string;
  readonly method: number;
  readonly encrypted: boolean;
  readonly packedBytes: number;
  readonly bytes: number;
  readonly crc: number;
  readonly offset: number;
}

/** Most entries a file may list. */
const maxEntries = 100_000;
/** A part beyond this size that was packed this well is no document: XML packs 10 to 50 times, deflate's limit is 1,032. */
const bombBytes = 24 * 1024 * 1024;
const bombRatio = 150;
/** A part that says it is at most this long is unpacked at once: a stream each costs more than most parts. Some ms of work. */
const maxAtOnceBytes = 512 * 1024;
/** Longest part that is read as a whole. */
const maxWholeBytes = 1024 * 1024;
/** Least `chunkSize` that zlib takes. */
const minChunkBytes = 64;
const endSignature = 0x06054b50;
const endBytes = 22;
const maxCommentBytes = 65_535;

/** A zip file that stands in memory. `inflatedBytes` bounds all that is ever read out of it together. */
export class ZipFile {
  readonly #file: Buffer;
  readonly #entries = new Map<string, Entry>();
  #budget: number;

  /** @throws DocumentError `document_truncated`, `document_malformed`, or `document_too_large` for a bomb. */
  constructor(file: Buffer, inflatedBytes: number) {
    this.#file = file;
    this.#budget = inflatedBytes;
    let declared = 0;
    for (const entry of this.#directory()) {
      this.#entries.set(entry.name, entry);
      declared += entry.bytes;
      if (entry.bytes > bombBytes && entry.bytes > entry.packedBytes * bombRatio) throw bomb();
    }
    if (declared > inflatedBytes) throw bomb();
  }

  get names(): string[] {
    return [...this.#entries.keys()];
  }

  has(name: string): boolean {
    return this.#entries.has(name);
  }

  /** True when any part is protected by a password. */
  get encrypted(): boolean {
    return [...this.#entries.values()].some((entry) => entry.encrypted);
  }

  /**
   * A part as a whole; undefined when there is none of that name. For parts that are small by nature.
   * @throws DocumentError `document_too_large` when it is not
   */
  async read(name: string): Promise<Buffer | undefined> {
    if (!this.has(name)) return undefined;
    const pieces: Buffer[] = [];
    let bytes = 0;
    for await (const piece of this.stream(name)) {
      bytes += piece.byteLength;
      if (bytes > maxWholeBytes) throw bomb();
      pieces.push(piece);
    }
    return Buffer.concat(pieces);
  }

  /** A part in pieces, its checksum checked at the end. What it declares of its size is not believed. */
  async *stream(name: string): AsyncGenerator<Buffer> {
    const entry = this.#entries.get(name);
    if (entry === undefined) return;
    if (entry.encrypted) throw encryptedDocument('The file');
    let crc = 0;
    let seen = 0;
    for await (const piece of this.#unpacked(entry)) {
      seen += piece.byteLength;
      this.#budget -= piece.byteLength;
      if (this.#budget < 0 || (seen > bombBytes && seen > entry.packedBytes * bombRatio)) throw bomb();
      crc = crc32(piece, crc);
      yield piece;
    }
    if (crc !== entry.crc) throw malformedDocument('zip', `its part "${name.slice(0, 100)}" is damaged`);
  }

  async *#unpacked(entry: Entry): AsyncGenerator<Buffer> {
    const packed = this.#packed(entry);
    if (entry.method === 0) {
      yield packed;
      return;
    }
    if (entry.method !== 8) throw malformedDocument('zip', `it is packed in a way (${entry.method}) that is not known`);
    try {
      const whole = entry.bytes <= maxAtOnceBytes ? unpackedAtOnce(packed, entry.bytes) : undefined;
      if (whole !== undefined) {
        yield whole;
        return;
      }
      const inflate = createInflateRaw({ chunkSize: 64 * 1024 });
      inflate.end(packed);
      for await (const piece of inflate) yield piece;
    } catch (cause) {
      if (cause instanceof Error && 'code' in cause && cause.code === 'Z_BUF_ERROR')
        throw truncatedDocument('The file');
      if (cause instanceof Error && 'errno' in cause) throw malformedDocument('zip', 'its content is damaged', cause);
      throw cause;
    }
  }

  #packed(entry: Entry): Buffer {
    const at = entry.offset;
    if (at + 30 > this.#file.byteLength || this.#file.readUInt32LE(at) !== 0x04034b50)
      throw truncatedDocument('The file');
    const start = at + 30 + this.#file.readUInt16LE(at + 26) + this.#file.readUInt16LE(at + 28);
    if (start + entry.packedBytes > this.#file.byteLength) throw truncatedDocument('The file');
    return this.#file.subarray(start, start + entry.packedBytes);
  }

  /** The central directory's entries, zip64 read. */
  *#directory(): Generator<Entry> {
    const file = this.#file;
    const end = this.#findEnd();
    let count = file.readUInt16LE(end + 10);
    let at = file.readUInt32LE(end + 16);
    if (at === 0xffffffff || count === 0xffff) {
      const locator = end - 20;
      if (locator >= 0 && file.readUInt32LE(locator) === 0x07064b50) {
        const end64 = Number(file.readBigUInt64LE(locator + 8));
        if (end64 + 56 > file.byteLength) throw truncatedDocument('The file');
        count = Number(file.readBigUInt64LE(end64 + 32));
        at = Number(file.readBigUInt64LE(end64 + 48));
      }
    }
    if (count > maxEntries) throw tooLargeDocument(`The file has more than ${maxEntries} parts.`);
    for (let seen = 0; seen < count; seen += 1) {
      if (at + 46 > file.byteLength) throw truncatedDocument('The file');
      if (file.readUInt32LE(at) !== 0x02014b50) throw malformedDocument('zip', 'its list of parts is damaged');
      const nameBytes = file.readUInt16LE(at + 28);
      const extraBytes = file.readUInt16LE(at + 30);
      const commentBytes = file.readUInt16LE(at + 32);
      const extra = file.subarray(at + 46 + nameBytes, at + 46 + nameBytes + extraBytes);
      const wide = wideSizes(extra, file.readUInt32LE(at + 24), file.readUInt32LE(at + 20), file.readUInt32LE(at + 42));
      yield {
        name: file.toString('utf8', at + 46, at + 46 + nameBytes),
        method: file.readUInt16LE(at + 10),
        encrypted: (file.readUInt16LE(at + 8) & 1) === 1,
        crc: file.readUInt32LE(at + 16),
        ...wide,
      };
      at += 46 + nameBytes + extraBytes + commentBytes;
    }
  }

  #findEnd(): number {
    const last = this.#file.byteLength - endBytes;
    for (let at = last; at >= Math.max(0, last - maxCommentBytes); at -= 1) {
      if (this.#file.readUInt32LE(at) === endSignature) return at;
    }
    throw truncatedDocument('The file');
  }
}

/** A part that is as short as it says; undefined when it is longer. */
function unpackedAtOnce(packed: Buffer, bytes: number): Buffer | undefined {
  try {
    return inflateRawSync(packed, {
      chunkSize: Math.max(minChunkBytes, bytes + 1),
      maxOutputLength: Math.max(1, bytes),
    });
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ERR_BUFFER_TOO_LARGE') return undefined;
    throw cause;
  }
}

/** Sizes that do not fit 32 bits stand in the extra field 1, in this order, those only that are needed. */
function wideSizes(extra: Buffer, bytes: number, packedBytes: number, offset: number) {
  const sizes = { bytes, packedBytes, offset };
  for (let at = 0; at + 4 <= extra.byteLength; at += 4 + extra.readUInt16LE(at + 2)) {
    if (extra.readUInt16LE(at) !== 1) continue;
    let next = at + 4;
    for (const key of ['bytes', 'packedBytes', 'offset'] as const) {
      if (sizes[key] !== 0xffffffff || next + 8 > extra.byteLength) continue;
      sizes[key] = Number(extra.readBigUInt64LE(next));
      next += 8;
    }
  }
  return sizes;
}

function bomb() {
  return tooLargeDocument(
    'The file unpacks to far more than a document of its size holds, as files made to exhaust a server do.',
  );
}
