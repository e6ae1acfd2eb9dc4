/** Reading the XML parts of office files and books as events: no tree is built, so their size does not matter. */
import { Parser } from 'htmlparser2';
import { malformedDocument } from './faults.ts';
import type { ZipFile } from './zip.ts';

export type Attributes = Readonly<Record<string, string>>;

export interface XmlHandler {
  open?(name: string, attributes: Attributes): void;
  close?(name: string): void;
  text?(data: string): void;
}

const maxDepth = 2_000;

/** Feeds a part to `handler`, pausing after each piece: what was found so far can be handed on. */
export async function* eachPiece(zip: ZipFile, name: string, handler: XmlHandler): AsyncGenerator<void> {
  let depth = 0;
  const parser = new Parser(
    {
      onopentag(tag, attributes) {
        depth += 1;
        if (depth > maxDepth) throw malformedDocument('xml', `its elements are nested more than ${maxDepth} deep`);
        handler.open?.(tag, attributes);
      },
      onclosetag(tag) {
        depth -= 1;
        handler.close?.(tag);
      },
      ontext: (data) => handler.text?.(data),
    },
    { xmlMode: true, decodeEntities: true },
  );
  let decoder: InstanceType<typeof TextDecoder> | undefined;
  for await (const piece of zip.stream(name)) {
    decoder ??= new TextDecoder(partEncoding(piece));
    parser.write(decoder.decode(piece, { stream: true }));
    yield;
  }
  if (decoder !== undefined) parser.write(decoder.decode());
  parser.end();
  yield;
}

/** Reads a whole part with `handler`; does nothing when there is none of that name. */
export async function readXml(zip: ZipFile, name: string, handler: XmlHandler): Promise<void> {
  for await (const _piece of eachPiece(zip, name, handler));
}

/** Parts are UTF-8 but for a few in UTF-16, which have a byte order mark. */
function partEncoding(piece: Buffer): string {
  if (piece[0] === 0xff && piece[1] === 0xfe) return 'utf-16le';
  return piece[0] === 0xfe && piece[1] === 0xff ? 'utf-16be' : 'utf-8';
}

/** A name without its namespace prefix. */
export function local(name: string): string {
  const colon = name.indexOf(':');
  return colon < 0 ? name : name.slice(colon + 1);
}
