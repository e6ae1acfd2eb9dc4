import type { Block, DocumentFormat, DocumentMetadata } from '../document.ts';
import type { Extraction, Extractor, ExtractSource } from './extractor.ts';
import { lineBatches } from './lines.ts';
import { MarkdownBlocks } from './markdown-blocks.ts';
import { textOf } from './txt.ts';

/** Front matter longer than this is taken for text, in lines. */
const maxFrontMatterLines = 200;

/** Markdown as written, with its headings and code told apart; YAML front matter becomes metadata. */
export const md: Extractor = {
  format: 'md',
  extract: (source) => extractMarkdown('md', source, (text) => text),
};

/** What Markdown and MDX share. */
export async function extractMarkdown(
  format: DocumentFormat,
  source: ExtractSource,
  rewrite: (text: string) => string,
): Promise<Extraction> {
  const batches = lineBatches(textOf(source));
  const first = await batches.next();
  const lines = first.done === true ? [] : first.value;
  const front = frontMatter(lines);
  const metadata: DocumentMetadata = {
    format,
    ...(source.encoding === undefined ? {} : { encoding: source.encoding.encoding }),
    ...front.metadata,
  };
  async function* blocks(): AsyncGenerator<Block> {
    const found = new MarkdownBlocks(rewrite);
    yield* found.push(lines.slice(front.lines));
    for await (const batch of batches) yield* found.push(batch);
    yield* found.end();
  }
  return { metadata, blocks: blocks() };
}

function frontMatter(lines: readonly string[]): { lines: number; metadata: Partial<DocumentMetadata> } {
  if (lines[0]?.trimEnd() !== '---') return { lines: 0, metadata: {} };
  const end = lines.slice(1, maxFrontMatterLines).findIndex((line) => /^(?:---|\.\.\.)\s*$/.test(line));
  if (end < 0) return { lines: 0, metadata: {} };
  const fields = new Map<string, string>();
  for (const line of lines.slice(1, end + 1)) {
    const field = /^([\w-]+):[ \t]*(.*?)\s*$/.exec(line);
    if (field?.[1] !== undefined && field[2]) fields.set(field[1].toLowerCase(), unquoted(field[2]));
    else if (!/^(?:\s|#|-|$|[\w-]+:)/.test(line)) return { lines: 0, metadata: {} };
  }
  const title = fields.get('title');
  const author = fields.get('author');
  const createdAt = isoDate(fields.get('date'));
  return {
    lines: end + 2,
    metadata: {
      ...(title === undefined ? {} : { title }),
      ...(author === undefined ? {} : { author }),
      ...(createdAt === undefined ? {} : { createdAt }),
    },
  };
}

function unquoted(value: string): string {
  return /^(["']).*\1$/.test(value) ? value.slice(1, -1) : value;
}

/** A date in any notation that JavaScript reads, as ISO 8601; undefined for anything else. */
export function isoDate(value: string | undefined): string | undefined {
  if (value === undefined || value.trim() === '') return undefined;
  const at = new Date(value.trim());
  return Number.isNaN(at.getTime()) ? undefined : at.toISOString();
}
