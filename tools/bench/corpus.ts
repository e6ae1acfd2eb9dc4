/** The files that are measured: the 300-page fixture, and office files and text made of its words, the same at every run. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import pptxgenjs from 'pptxgenjs';
import { makeDocx, type Part } from '../fixtures/docx.ts';
import type { WrittenPage } from '../fixtures/pdf.ts';
import { Random } from '../fixtures/random.ts';
import { logPages, writeLog } from '../fixtures/repair-log/entries.ts';
import { fixedOfficeFile } from '../fixtures/zip.ts';

/** One kind of file, `files` times the same amount of text. */
export interface FileSet {
  readonly files: readonly string[];
  /** Pages, slides, or (of a DOCX) log pages written into it. */
  readonly pages: number;
}

export interface Corpus extends AsyncDisposable {
  readonly pdf: FileSet;
  readonly docx: FileSet;
  readonly pptx: FileSet;
  /** 10 MB of English in ten files. */
  readonly txt: FileSet;
}

const copies = 4;
const textFiles = 10;
const textBytes = 1_000_000;
const repairLog = fileURLToPath(new URL('../../test/fixtures/documents/repair-log.pdf', import.meta.url));
/** The typings describe the CommonJS build; the ES build that Node loads is the class itself. */
const Deck = pptxgenjs as unknown as typeof pptxgenjs.default;

export async function makeCorpus(): Promise<Corpus> {
  const folder = await mkdtemp(join(tmpdir(), 'millrace-bench-'));
  const pages = writeLog();
  const sets = {
    pdf: await readFile(repairLog),
    docx: await makeDocx({ title: 'Repair log', creator: 'Benchmark' }, pages.flatMap(docxParts)),
    pptx: await makeDeck(pages),
  };
  const copied = async (suffix: keyof typeof sets): Promise<FileSet> => {
    const files = Array.from({ length: copies }, (_, at) => join(folder, `log-${at}.${suffix}`));
    for (const file of files) await writeFile(file, sets[suffix]);
    return { files, pages: copies * logPages };
  };
  return {
    pdf: await copied('pdf'),
    docx: await copied('docx'),
    pptx: await copied('pptx'),
    txt: await textSet(folder, pages),
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  };
}

/** Every tenth page has a table of its words. */
const tableEvery = 10;
const tableColumns = 3;

function tableOf(page: WrittenPage): string[][] {
  const words = page.paragraphs
    .join(' ')
    .split(' ')
    .slice(0, tableColumns * 6);
  return Array.from({ length: 6 }, (_, at) => words.slice(at * tableColumns, (at + 1) * tableColumns));
}

function docxParts(page: WrittenPage, at: number): Part[] {
  const parts: Part[] = [{ heading: page.title, level: 2 }, ...page.paragraphs.map((text) => ({ text }))];
  return at % tableEvery === 0 ? [...parts, { rows: tableOf(page) }] : parts;
}

/** A slide a page: title, paragraphs, now and then a table, a line of notes. */
async function makeDeck(pages: readonly WrittenPage[]): Promise<Uint8Array> {
  const deck = new Deck();
  for (const [at, page] of pages.entries()) {
    const slide = deck.addSlide();
    slide.addText(page.title, { x: 0.5, y: 0.2, w: 9, h: 0.8 });
    const lines = page.paragraphs.map((text) => ({ text, options: { bullet: true, breakLine: true } }));
    slide.addText(lines, { x: 0.5, y: 1, w: 9, h: 4 });
    if (at % tableEvery === 0) slide.addTable(tableOf(page).map((cells) => cells.map((text) => ({ text }))));
    slide.addNotes(`See the log of ${page.title}.`);
  }
  const bytes = await deck.write({ outputType: 'uint8array' });
  if (!(bytes instanceof Uint8Array)) throw new Error('the deck was to be written as bytes');
  return fixedOfficeFile(bytes);
}

const seed = 4104;
/**
 * A made-up word now and then, so that the text has about as many different words (31,000) as English of its length, and
 * the memo of token counts is no better than in earnest.
 */
const inventedEvery = 12;
const inventedWords = 60_000;
const syllables =
  'ba den fer gol hin jor kal lun mar nes pol quin ras sel tor ul vin wen xan yor zed ster ling ton ham'.split(' ');

async function textSet(folder: string, pages: readonly WrittenPage[]): Promise<FileSet> {
  const random = new Random(seed);
  const invented = Array.from({ length: inventedWords }, () =>
    Array.from({ length: random.whole(2, 4) }, () => random.pick(syllables)).join(''),
  );
  const paragraphs = pages.flatMap((page) => page.paragraphs).filter((text) => text.length > 80);
  const files: string[] = [];
  for (let at = 0; at < textFiles; at += 1) {
    const parts: string[] = [];
    for (let bytes = 0; bytes < textBytes; bytes += (parts.at(-1)?.length ?? 0) + 2) {
      parts.push(withInvented(random.pick(paragraphs), invented, random));
    }
    const file = join(folder, `text-${at}.txt`);
    await writeFile(file, parts.join('\n\n').slice(0, textBytes));
    files.push(file);
  }
  return { files, pages: 0 };
}

function withInvented(paragraph: string, invented: readonly string[], random: Random): string {
  const words = paragraph.split(' ');
  for (let at = random.whole(1, inventedEvery); at < words.length; at += random.whole(1, inventedEvery * 2)) {
    words[at] = random.pick(invented);
  }
  return words.join(' ');
}
