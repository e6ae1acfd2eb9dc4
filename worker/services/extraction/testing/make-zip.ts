/** Zip files whose headers say what they are told to: no library writes one that lies. */
import { crc32, deflateRawSync } from 'node:zlib';

export interface ZipPart {
  readonly name: string;
  /** What it unpacks to. */
  readonly content: Uint8Array;
  /** Length that the headers declare; that of the content when left out. */
  readonly declaredBytes?: number;
  /** Declares it in a zip64 field. */
  readonly wide?: boolean;
}

const wide = 0xffffffff;

/** Packs every part with deflate. */
export function makeZip(parts: readonly ZipPart[]): Buffer {
  const pieces: Buffer[] = [];
  const directory: Buffer[] = [];
  let at = 0;
  for (const part of parts) {
    const name = Buffer.from(part.name);
    const packed = deflateRawSync(part.content);
    const declared = part.declaredBytes ?? part.content.byteLength;
    const extra = Buffer.alloc(part.wide ? 12 : 0);
    if (part.wide) {
      extra.writeUInt16LE(1, 0);
      extra.writeUInt16LE(8, 2);
      extra.writeBigUInt64LE(BigInt(declared), 4);
    }
    // from "flags" to "extra length" both headers are alike
    const shared = Buffer.alloc(24);
    shared.writeUInt16LE(8, 2);
    shared.writeUInt32LE(crc32(part.content), 8);
    shared.writeUInt32LE(packed.byteLength, 12);
    shared.writeUInt32LE(part.wide ? wide : declared, 16);
    shared.writeUInt16LE(name.byteLength, 20);
    shared.writeUInt16LE(extra.byteLength, 22);
    const local = Buffer.concat([Buffer.from('504b03042d00', 'hex'), shared, name, extra, packed]);
    const rest = Buffer.alloc(14);
    rest.writeUInt32LE(at, 10);
    directory.push(Buffer.from('504b01022d002d00', 'hex'), shared, rest, name, extra);
    pieces.push(local);
    at += local.byteLength;
  }
  const listed = Buffer.concat(directory);
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(parts.length, 8);
  end.writeUInt16LE(parts.length, 10);
  end.writeUInt32LE(listed.byteLength, 12);
  end.writeUInt32LE(at, 16);
  return Buffer.concat([...pieces, listed, end]);
}
