import path from 'node:path/posix';
import type { Block, DocumentMetadata } from '../document.ts';
import type { Extractor } from './extractor.ts';
import { encryptedDocument, malformedDocument } from './faults.ts';
import { HtmlBlocks } from './html-blocks.ts';
import { isoDate } from './md.ts';
import { local, readXml } from './sax.ts';
import { readWhole } from './source.ts';
import { collapse } from './text.ts';
import { ZipFile } from './zip.ts';

interface Book {
  readonly metadata: DocumentMetadata;
  /** Parts in reading order. */
  readonly chapters: readonly string[];
  /** Part that holds the table of contents, if any. */
  readonly contents: string | undefined;
}

/** Chapters in reading order, each block with its chapter's title from the table of contents. */
export const epub: Extractor = {
  format: 'epub',
  async extract(source, context) {
    const file = await readWhole(source.bytes, context.limits.fileBytes, 'The EPUB file');
    const zip = new ZipFile(file, context.limits.inflatedBytes);
    const book = await readPackage(zip);
    const locked = await encryptedParts(zip);
    if (zip.encrypted || book.chapters.some((chapter) => locked.has(chapter))) throw encryptedDocument('The book');
    const titles = book.contents === undefined ? new Map<string, string>() : await readContents(zip, book.contents);
    async function* blocks(): AsyncGenerator<Block> {
      let section: string | undefined;
      for (const chapter of book.chapters) {
        section = titles.get(chapter) ?? section;
        yield* chapterBlocks(zip, chapter, section);
      }
    }
    return { metadata: book.metadata, blocks: blocks() };
  },
};

async function* chapterBlocks(zip: ZipFile, part: string, section: string | undefined): AsyncGenerator<Block> {
  const blocks = new HtmlBlocks(section === undefined ? {} : { section });
  const decoder = new TextDecoder();
  for await (const piece of zip.stream(part)) yield* blocks.push(decoder.decode(piece, { stream: true }));
  yield* blocks.push(decoder.decode());
  yield* blocks.end();
}

async function readPackage(zip: ZipFile): Promise<Book> {
  let root: string | undefined;
  await readXml(zip, 'META-INF/container.xml', {
    open(tag, attributes) {
      if (local(tag) === 'rootfile') root ??= attributes['full-path'];
    },
  });
  if (root === undefined || !zip.has(root)) throw malformedDocument('epub', 'its table of parts is missing');
  const folder = path.dirname(root);
  const manifest = new Map<string, { part: string; kind: string; properties: string }>();
  const spine: string[] = [];
  const fields = new Map<string, string>();
  let field = '';
  await readXml(zip, root, {
    open(tag, attributes) {
      const name = local(tag);
      field = '';
      if (name === 'item') {
        const part = partName(folder, attributes.href ?? '');
        manifest.set(attributes.id ?? '', {
          part,
          kind: attributes['media-type'] ?? '',
          properties: attributes.properties ?? '',
        });
      } else if (name === 'itemref') spine.push(attributes.idref ?? '');
      else if (tag.startsWith('dc:')) field = fields.has(name) && name !== 'creator' ? '' : name;
      else if (name === 'meta' && attributes.property === 'dcterms:modified') field = 'modified';
    },
    close() {
      if (field === 'creator') fields.set('creator', `${fields.get('creator') ?? ''}\n`);
      field = '';
    },
    text(data) {
      if (field !== '') fields.set(field, ((fields.get(field) ?? '') + data).slice(0, 2000));
    },
  });
  const chapters = spine.flatMap((id) => {
    const item = manifest.get(id);
    return item !== undefined && /x?html|xml/.test(item.kind) && zip.has(item.part) ? [item.part] : [];
  });
  const items = [...manifest.values()];
  const contents =
    items.find((item) => /\bnav\b/.test(item.properties)) ??
    items.find((item) => item.kind === 'application/x-dtbncx+xml');
  return { metadata: metadataOf(fields), chapters, contents: contents?.part };
}

function metadataOf(fields: ReadonlyMap<string, string>): DocumentMetadata {
  const title = collapse(fields.get('title') ?? '');
  const author = (fields.get('creator') ?? '').split('\n').map(collapse).filter(Boolean).join(', ');
  const createdAt = isoDate(fields.get('date'));
  const modifiedAt = isoDate(fields.get('modified'));
  return {
    format: 'epub',
    ...(title === '' ? {} : { title }),
    ...(author === '' ? {} : { author }),
    ...(createdAt === undefined ? {} : { createdAt }),
    ...(modifiedAt === undefined ? {} : { modifiedAt }),
  };
}

/** Chapter titles by part, from a nav document (EPUB 3) or an NCX (EPUB 2). The first entry for a part counts. */
async function readContents(zip: ZipFile, contents: string): Promise<Map<string, string>> {
  const titles = new Map<string, string>();
  const folder = path.dirname(contents);
  let label = '';
  let href = '';
  let reading = false;
  const note = () => {
    const part = partName(folder, href);
    const title = collapse(label);
    if (href !== '' && title !== '' && !titles.has(part)) titles.set(part, title);
    label = '';
  };
  await readXml(zip, contents, {
    open(tag, attributes) {
      const name = local(tag);
      if (name === 'a') {
        href = attributes.href ?? '';
        label = '';
        reading = true;
      } else if (name === 'navLabel') {
        label = '';
        reading = true;
      } else if (name === 'content') {
        href = attributes.src ?? '';
        note();
      }
    },
    close(tag) {
      const name = local(tag);
      if (name === 'a') note();
      if (name === 'a' || name === 'navLabel') reading = false;
    },
    text(data) {
      if (reading && label.length < 500) label += data;
    },
  });
  return titles;
}

/** Parts that are encrypted by more than a font's obfuscation. */
async function encryptedParts(zip: ZipFile): Promise<Set<string>> {
  const parts = new Set<string>();
  let obfuscated = false;
  await readXml(zip, 'META-INF/encryption.xml', {
    open(tag, attributes) {
      const name = local(tag);
      if (name === 'EncryptedData') obfuscated = false;
      if (name === 'EncryptionMethod') obfuscated = /obfuscation|RC$/.test(attributes.Algorithm ?? '');
      if (name === 'CipherReference' && !obfuscated) parts.add(partName('', attributes.URI ?? ''));
    },
  });
  return parts;
}

function partName(folder: string, href: string): string {
  const bare = href.split('#')[0] ?? '';
  let decoded = bare;
  try {
    decoded = decodeURIComponent(bare);
  } catch {
    // A stray % stands for itself.
  }
  return path.join(folder, decoded).replace(/^\/+/, '');
}
