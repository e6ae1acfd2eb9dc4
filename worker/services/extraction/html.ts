import type { Block, DocumentMetadata } from '../document.ts';

import type { Extraction, Extractor, ExtractSource } from './extractor.ts';
import { HtmlBlocks } from './html-blocks.ts';
import { isoDate } from './md.ts';
import { collapse } from './text.ts';
import { textOf } from './txt.ts';

/** A DOM is built of pages with at most this many tags, at most this deep; others are taken whole, as a stream. */
const maxArticleTags = 100_000;
const maxArticleDepth = 200;
/** The main content must hold this share of the page's text, or the page is not an article. */
const minArticleShare = 0.4;

/** The main content of a page; all of its body where no main content stands out. Scripts and styles are left out. */
export const html: Extractor = {
  format: 'html',
  async extract(source, context) {
    const iterator = textOf(source)[Symbol.asyncIterator]();
    const pieces: string[] = [];
    let length = 0;
    let complete = false;
    while (length <= context.limits.articleBytes) {
      const next = await iterator.next();
      if (next.done === true) {
        complete = true;
        break;
      }
      pieces.push(next.value);
      length += next.value.length;
    }
    if (complete) return await extractHtml(pieces.join(''), encodingOf(source));
    const metadata: DocumentMetadata = { ...headMetadata(pieces[0] ?? ''), ...encodingOf(source) };
    async function* all(): AsyncGenerator<Block> {
      const blocks = new HtmlBlocks({ withoutFurniture: true });
      for (const piece of pieces.splice(0)) yield* blocks.push(piece);
      for (let next = await iterator.next(); next.done !== true; next = await iterator.next())
        yield* blocks.push(next.value);
      yield* blocks.end();
    }
    return { metadata, blocks: all() };
  },
};

function encodingOf(source: ExtractSource): { encoding?: string } {
  return source.encoding === undefined ? {} : { encoding: source.encoding.encoding };
}

/** A page that stands in memory; of e-mails too. */
export async function extractHtml(page: string, more: { encoding?: string }): Promise<Extraction> {
  const body = blocksOf(page, true);
  const metadata = { ...headMetadata(page), ...more };
  const article = isModest(page) ? await mainContent(page) : undefined;
  const found = article === undefined ? undefined : blocksOf(article.content, false);
  const chosen = found !== undefined && textLength(found) >= textLength(body) * minArticleShare ? found : body;
  const whole = chosen.length > 0 ? chosen : blocksOf(page, false);
  return {
    metadata: { ...metadata, ...(metadata.author === undefined && article?.byline ? { author: article.byline } : {}) },
    blocks: withTitle(whole, metadata.title),
  };
}

/** Blocks of HTML that stands in memory. */
export function blocksOf(page: string, withoutFurniture: boolean, section?: string): Block[] {
  const blocks = new HtmlBlocks({ withoutFurniture, ...(section === undefined ? {} : { section }) });
  return [...blocks.push(page), ...blocks.end()];
}

/** The page's title stands first, unless its text begins with it. */
async function* withTitle(blocks: readonly Block[], title: string | undefined): AsyncGenerator<Block> {
  const early = blocks
    .slice(0, 5)
    .some(
      (block) =>
        title !== undefined && (block.text.includes(title) || (block.kind === 'heading' && title.includes(block.text))),
    );
  if (blocks.length > 0 && title !== undefined && !early) yield { kind: 'heading', level: 1, text: title };
  yield* blocks;
}

function textLength(blocks: readonly Block[]): number {
  return blocks.reduce((sum, block) => sum + block.text.length, 0);
}

/** A cheap look at how big the page's tree would be: a DOM of a hostile page takes gigabytes. */
function isModest(page: string): boolean {
  let tags = 0;
  let depth = 0;
  let deepest = 0;
  for (let at = page.indexOf('<'); at >= 0; at = page.indexOf('<', at + 1)) {
    tags += 1;
    if (tags > maxArticleTags) return false;
    const next = page.charCodeAt(at + 1);
    if (next === 0x2f) depth -= 1;
    else if ((next | 32) >= 0x61 && (next | 32) <= 0x7a) {
      if (
        !/^(?:br|img|hr|input|meta|link|p|li|td|th|tr|source|wbr|col|area|option)\b/i.test(page.slice(at + 1, at + 9))
      )
        depth += 1;
    }
    if (depth > deepest) deepest = depth;
  }
  return deepest <= maxArticleDepth;
}

async function mainContent(page: string): Promise<{ content: string; byline?: string } | undefined> {
  const [{ parseHTML }, { Readability, isProbablyReaderable }] = await Promise.all([
    import('linkedom'),
    import('@mozilla/readability'),
  ]);
  try {
    const { document } = parseHTML(/<html[\s>]/i.test(page) ? page : `<html><body>${page}</body></html>`);
    if (!isProbablyReaderable(document)) return undefined;
    const article = new Readability(document, { charThreshold: 200 }).parse();
    if (!article?.content) return undefined;
    return { content: article.content, ...(article.byline ? { byline: collapse(article.byline) } : {}) };
  } catch {
    // A tree that readability cannot cope with has no main content; its text is taken whole.
    return undefined;
  }
}

/** Title, author and dates from the page's head. */
function headMetadata(page: string): DocumentMetadata {
  const head = page.slice(0, 65_536);
  const probe = new HtmlBlocks();
  probe.push(head);
  const metas = new Map<string, string>();
  for (const tag of head.match(/<meta\s[^>]{1,2000}>/gi) ?? []) {
    const name = /(?:name|property|itemprop)\s*=\s*["']?([\w:.-]+)/i.exec(tag)?.[1];
    const content = /content\s*=\s*(?:"([^"]*)"|'([^']*)')/i.exec(tag);
    if (name !== undefined && content !== null) metas.set(name.toLowerCase(), plain(content[1] ?? content[2] ?? ''));
  }
  const title = probe.title || metas.get('og:title');
  const author = metas.get('author') || metas.get('article:author');
  const createdAt = isoDate(metas.get('article:published_time') ?? metas.get('date'));
  const modifiedAt = isoDate(metas.get('article:modified_time') ?? metas.get('last-modified'));
  return {
    format: 'html',
    ...(title ? { title } : {}),
    ...(author ? { author } : {}),
    ...(createdAt === undefined ? {} : { createdAt }),
    ...(modifiedAt === undefined ? {} : { modifiedAt }),
  };
}

/** The text of an attribute or a fragment, entities decoded. */
function plain(fragment: string): string {
  return blocksOf(fragment, false)
    .map((block) => block.text)
    .join(' ');
}
