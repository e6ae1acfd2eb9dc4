import { collect } from '../../bounded-child/testing/collect.ts';
import type { Block, DocumentMetadata } from '../../document.ts';
import { extract } from '../extract.ts';
import { defaultExtractLimits } from '../extractor.ts';

const cache = new Map<string, unknown>();

async function* inPieces(bytes: Uint8Array, pieceBytes: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.byteLength; at += pieceBytes) yield bytes.subarray(at, at + pieceBytes);
}

/** Extracts a document that stands in memory, given in pieces. */
export async function extractAll(
  bytes: Uint8Array | string,
  name = 'document',
  pieceBytes = 64 * 1024,
): Promise<{ metadata: DocumentMetadata; blocks: Block[] }> {
  const all = typeof bytes === 'string' ? Buffer.from(bytes) : bytes;
  const { metadata, blocks } = await extract(inPieces(all, pieceBytes), name, { limits: defaultExtractLimits, cache });
  return { metadata, blocks: await collect(blocks) };
}

/** The blocks' texts. */
export async function textsOf(bytes: Uint8Array | string, name?: string): Promise<string[]> {
  return (await extractAll(bytes, name)).blocks.map((block) => block.text);
}
