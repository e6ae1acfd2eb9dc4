/** What is uploaded: documents of three formats, each with sentences of its own, so that no embedding is found in the cache. */
import { makeDocx } from '../fixtures/docx.ts';
import { makePdf, type WrittenPage } from '../fixtures/pdf.ts';
import { Random } from '../fixtures/random.ts';
import { writeLog } from '../fixtures/repair-log/entries.ts';
import type { Load } from './indexed.ts';

const about = { title: 'Extract of the repair log', author: 'Benchmark', footer: 'Extract' };
/** About ten segments of 500 tokens. */
const pagesOfDocument = 16;

/** So many documents: half TXT, a quarter PDF, a quarter DOCX; other ones for every seed, the same at every run. */
export async function makeLoad(documents: number, seed: number): Promise<Load[]> {
  const random = new Random(seed);
  const log = writeLog();
  const load: Load[] = [];
  for (let at = 0; at < documents; at += 1) load.push(await documentOf(at, random, log));
  return load;
}

async function documentOf(at: number, random: Random, log: readonly WrittenPage[]): Promise<Load> {
  const pages = Array.from({ length: pagesOfDocument }, () => {
    const { title } = random.pick(log);
    const paragraphs = Array.from({ length: 6 }, () => random.pick(random.pick(log).paragraphs));
    return { title: `${title} (${random.whole(1000, 9999)})`, paragraphs };
  });
  if (at % 4 === 1) return { name: `extract-${at}.pdf`, content: await makePdf(about, pages) };
  if (at % 4 === 3) {
    const parts = pages.flatMap(({ title, paragraphs }) => [
      { heading: title, level: 2 } as const,
      ...paragraphs.map((text) => ({ text })),
    ]);
    return {
      name: `extract-${at}.docx`,
      content: await makeDocx({ title: about.title, creator: about.author }, parts),
    };
  }
  const text = pages.map(({ title, paragraphs }) => [title, ...paragraphs].join('\n\n')).join('\n\n');
  return { name: `extract-${at}.txt`, content: Buffer.from(text) };
}
