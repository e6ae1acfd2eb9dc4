/** How the bytes of a text are to be read. */
import { isAscii, isUtf8 } from 'node:buffer';
import chardet from 'chardet';

/** An encoding as WHATWG names it. `open` while only ASCII was seen: the first other bytes decide. */
export interface EncodingChoice {
  readonly encoding: string;
  readonly open: boolean;
  /** The bytes before the text: the byte order mark. */
  readonly markBytes: number;
}

/** Bytes that `chardet` is given; more makes it slower, not surer. */
const sampleBytes = 32 * 1024;
/** Of the sample's NULs, how many stand on one side in UTF-16 of mostly Latin text. */
const oneSided = 0.9;

/**
 * What encoding a text has, by its first bytes: a byte order mark, else the NULs of UTF-16, else strict UTF-8, else what
 * the document declares (HTML, XML), else what the bytes look like. Undefined when they are no text at all.
 */
export function detectEncoding(head: Uint8Array, complete: boolean): EncodingChoice | undefined {
  const marked = byMark(head);
  if (marked !== undefined) return marked;
  const wide = byNuls(head);
  if (wide !== undefined) return wide === 'binary' ? undefined : { encoding: wide, open: false, markBytes: 0 };
  if (isAscii(head)) {
    if (controlShare(head) > 0.02) return undefined;
    const declared = declaredEncoding(head);
    if (declared !== undefined && declared !== 'utf-8') return { encoding: declared, open: false, markBytes: 0 };
    return { encoding: 'utf-8', open: true, markBytes: 0 };
  }
  if (isUtf8(complete ? head : wholeCharacters(head))) return { encoding: 'utf-8', open: false, markBytes: 0 };
  if (controlShare(head) > 0.02) return undefined;
  return { encoding: declaredEncoding(head) ?? looksLike(head), open: false, markBytes: 0 };
}

function byMark(head: Uint8Array): EncodingChoice | undefined {
  const [a, b, c] = head;
  if (a === 0xef && b === 0xbb && c === 0xbf) return { encoding: 'utf-8', open: false, markBytes: 3 };
  if (a === 0xff && b === 0xfe) return { encoding: 'utf-16le', open: false, markBytes: 2 };
  if (a === 0xfe && b === 0xff) return { encoding: 'utf-16be', open: false, markBytes: 2 };
  return undefined;
}

/** UTF-16 without a mark has its NULs at odd places (little-endian) or even ones; NULs elsewhere mean no text. */
function byNuls(head: Uint8Array): 'utf-16le' | 'utf-16be' | 'binary' | undefined {
  const length = Math.min(head.byteLength, sampleBytes) & ~1;
  let even = 0;
  let odd = 0;
  for (let at = 0; at < length; at += 2) {
    if (head[at] === 0) even += 1;
    if (head[at + 1] === 0) odd += 1;
  }
  const nuls = even + odd;
  if (nuls === 0) return undefined;
  // A stray NUL in a text is dropped with the other control characters.
  if (nuls < length / 1000 && !looksBinary(head)) return undefined;
  if (nuls < length / 20) return 'binary';
  if (odd >= nuls * oneSided && isWideText(head, length, 'utf-16le')) return 'utf-16le';
  if (even >= nuls * oneSided && isWideText(head, length, 'utf-16be')) return 'utf-16be';
  return 'binary';
}

function isWideText(head: Uint8Array, length: number, encoding: string): boolean {
  const text = new TextDecoder(encoding).decode(head.subarray(0, length));
  const odd = text.match(/[^\P{Cc}\t\n\r\f\v]|[\ufffd\ufff0-\ufff8]/gu)?.length ?? 0;
  return odd <= text.length / 50;
}

function looksBinary(head: Uint8Array): boolean {
  return controlShare(head) > 0.005;
}

/** The share of control characters that no text has. */
function controlShare(head: Uint8Array): number {
  let seen = 0;
  for (const byte of head) {
    if (byte < 9 || (byte > 13 && byte < 32 && byte !== 27) || byte === 127) seen += 1;
  }
  return head.byteLength === 0 ? 0 : seen / head.byteLength;
}

/** A head may end within a character: leaves off its last bytes from the last lead byte on. */
function wholeCharacters(head: Uint8Array): Uint8Array {
  for (let back = 1; back <= Math.min(3, head.byteLength); back += 1) {
    const byte = head[head.byteLength - back] ?? 0;
    if ((byte & 0xc0) === 0xc0) return head.subarray(0, head.byteLength - back);
    if ((byte & 0x80) === 0) break;
  }
  return head;
}

/** What an HTML `meta` or an XML declaration says, if a decoder for it exists. */
function declaredEncoding(head: Uint8Array): string | undefined {
  const start = Buffer.from(head.buffer, head.byteOffset, Math.min(head.byteLength, 4096)).toString('latin1');
  const name =
    /^\s*<\?xml[^>]{0,200}?encoding\s*=\s*["']([\w.:-]{2,40})["']/i.exec(start)?.[1] ??
    /<meta[^>]{0,200}?charset\s*=\s*["']?\s*([\w.:-]{2,40})/i.exec(start)?.[1];
  const known = name === undefined ? undefined : knownEncoding(name);
  // Whoever can read the declaration byte by byte is not reading UTF-16.
  return known?.startsWith('utf-16') ? 'utf-8' : known;
}

function knownEncoding(label: string): string | undefined {
  try {
    return new TextDecoder(label).encoding;
  } catch {
    return undefined;
  }
}

/** `chardet`'s best guess that can be decoded; GB18030 stands for all of GB, windows-1252 for ISO-8859-1. */
function looksLike(bytes: Uint8Array): string {
  const guesses = chardet.analyse(sampleOf(bytes));
  for (const { name, confidence } of guesses) {
    if (confidence < 10) break;
    if (/^(UTF|ASCII)/i.test(name)) continue;
    const known = knownEncoding(name);
    if (known !== undefined) return known === 'gbk' ? 'gb18030' : known;
  }
  return 'windows-1252';
}

/** A sample around the first byte that is not ASCII: what comes before says nothing. */
function sampleOf(bytes: Uint8Array): Uint8Array {
  const first = bytes.findIndex((byte) => byte > 127);
  const start = Math.max(0, first - 1024);
  return bytes.subarray(start, start + sampleBytes);
}

/** Decodes a stream. While the choice is open, the first piece with more than ASCII in it settles the encoding. */
export async function* decode(bytes: AsyncIterable<Uint8Array>, choice: EncodingChoice): AsyncGenerator<string> {
  let decoder = new TextDecoder(choice.encoding, { ignoreBOM: true });
  let open = choice.open;
  let skip = choice.markBytes;
  for await (const piece of bytes) {
    const part = skip > 0 ? piece.subarray(skip) : piece;
    skip = Math.max(0, skip - piece.byteLength);
    if (open && !isAscii(part)) {
      open = false;
      if (!isUtf8(wholeCharacters(part))) decoder = new TextDecoder(looksLike(part), { ignoreBOM: true });
    }
    const text = decoder.decode(part, { stream: true });
    if (text !== '') yield text;
  }
  const rest = decoder.decode();
  if (rest !== '') yield rest;
}
