/** One long PDF, read by one child and by several: the same in every respect. */
import { createReadStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { PDFDocument } from 'pdf-lib';
import { afterAll, describe, expect, it } from 'vitest';
import { collect } from '../../../worker/services/bounded-child/testing/collect.ts';
import { assemblePdf, makeLockedPdf, makePdf, makeScan } from '../../../worker/services/extraction/testing/make-pdf.ts';
import { defaultParseLimits, type ParseLimits } from '../../../worker/services/parsing/limits.ts';
import { DocumentParser, type ParseEvent, type ParserOptions } from '../../../worker/services/parsing/parse.ts';
import type { ProcessRule } from '../../../worker/services/splitting/process-rule.ts';

const repairLog = new URL('../../fixtures/documents/repair-log.pdf', import.meta.url);
const automatic: ProcessRule = { mode: 'automatic' };
const mebibyte = 1024 * 1024;
const parsers: DocumentParser[] = [];

function open(options: ParserOptions): DocumentParser {
  const parser = new DocumentParser({ idleMs: 600_000, ...options });
  for (let at = 0; at < (options.size ?? 1); at += 1) parser.warm();
  parsers.push(parser);
  return parser;
}
const alone = open({ size: 1 });
const shared = open({ size: 2, helpers: 1, sharing: { startMs: 0 } });
const many = open({ size: 4, helpers: 3, sharing: { startMs: 0, rangePages: 3, maxAheadBytes: 1 } });
afterAll(() => Promise.all(parsers.map((parser) => parser.close())));

interface Outcome {
  readonly events: readonly ParseEvent[];
  /** How often the document was opened: once for each child that read it. */
  readonly readers: number;
}

async function parse(
  parser: DocumentParser,
  openSource: () => Readable,
  rule = automatic,
  limits: ParseLimits = defaultParseLimits,
): Promise<Outcome> {
  let readers = 0;
  const source = () => {
    readers += 1;
    return openSource();
  };
  return { events: await collect(parser.parse({ source, name: 'x.pdf', rule, limits })), readers };
}

/** What people see of a failure. */
async function failure(parser: DocumentParser, bytes: Uint8Array, limits = defaultParseLimits): Promise<unknown> {
  try {
    const { events } = await parse(parser, () => Readable.from([Buffer.from(bytes)]), automatic, limits);
    return events;
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    const { code, hint } = error as { code?: unknown; hint?: unknown };
    return { name: error.name, message: error.message, code, hint };
  }
}

const rules: [string, ProcessRule][] = [
  ['automatic', automatic],
  [
    'custom',
    {
      mode: 'custom',
      rules: { pre_processing_rules: [], segmentation: { separator: '\n', max_tokens: 200, chunk_overlap: 30 } },
    },
  ],
  [
    'hierarchical',
    {
      mode: 'hierarchical',
      rules: {
        pre_processing_rules: [],
        parent_mode: 'paragraph',
        segmentation: { separator: '\n\n', max_tokens: 500, chunk_overlap: 0 },
        subchunk_segmentation: { separator: '\n', max_tokens: 100, chunk_overlap: 0 },
      },
    },
  ],
];

describe('the 300-page fixture', () => {
  it.each(rules)('should give byte for byte the same to several children (%s)', async (_name, rule) => {
    const source = () => createReadStream(repairLog);
    const one = await parse(alone, source, rule);
    const two = await parse(shared, source, rule);
    const four = await parse(many, source, rule);
    expect([one.readers, two.readers]).toEqual([1, 2]);
    expect(four.readers).toBeGreaterThan(1);
    expect(JSON.stringify(two.events)).toBe(JSON.stringify(one.events));
    expect(JSON.stringify(four.events)).toBe(JSON.stringify(one.events));
    expect(one.events.at(-1)).toMatchObject({ type: 'done', bytes: (await readFile(repairLog)).byteLength });
  });

  it('should do so for several files at once', async () => {
    const source = () => createReadStream(repairLog);
    const [one, ...all] = await Promise.all([
      parse(alone, source),
      ...Array.from({ length: 5 }, () => parse(shared, source)),
    ]);
    for (const { events } of all) expect(JSON.stringify(events)).toBe(JSON.stringify(one.events));
    expect(shared.children).toBeLessThanOrEqual(2);
  });
});

/** As many pages, each of which shows the same long content stream: small as a file, long to read. */
function slowPdf(pages: number, lines: number): Buffer {
  const line = `(${'All work and no play. '.repeat(4)}) Tj 0 -2 Td\n`;
  const content = `BT /F1 4 Tf 10 800 Td ${line.repeat(lines)} ET`;
  const kids = Array.from({ length: pages }, (_, at) => `${at + 5} 0 R`).join(' ');
  return assemblePdf(
    [
      '<< /Type /Catalog /Pages 2 0 R >>',
      `<< /Type /Pages /Kids [${kids}] /Count ${pages} >>`,
      '<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>',
      `<< /Length ${content.length} >>\nstream\n${content}\nendstream`,
      ...Array.from(
        { length: pages },
        () =>
          '<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources << /Font << /F1 3 0 R >> >> >>',
      ),
    ],
    '',
  );
}

/** A PDF of which every eighth page is broken in one way or another, the others sound. */
async function patchyPdf(pages: number): Promise<Buffer> {
  const file = await makePdf(Array.from({ length: pages }, (_, at) => (at % 5 === 0 ? '' : `Page ${at} has words.`)));
  const patched = await PDFDocument.load(file);
  const { PDFName, PDFNumber, PDFString } = await import('pdf-lib');
  for (const [at, page] of patched.getPages().entries()) {
    if (at % 8 !== 0) continue;
    const broken = [PDFNumber.of(7), PDFString.of('no stream'), patched.context.nextRef()][(at / 8) % 3];
    if (broken !== undefined) page.node.set(PDFName.of('Contents'), broken);
  }
  return Buffer.from(await patched.save());
}

describe('a long PDF that cannot be indexed', () => {
  it.each<[string, string, () => Promise<Uint8Array> | Uint8Array]>([
    ['pages of pictures', 'document_scanned', () => makeScan(90)],
    ['blank pages', 'document_empty', () => makePdf(Array.from({ length: 90 }, () => ''))],
    ['the end missing', 'document_truncated', async () => (await readFile(repairLog)).subarray(0, 300_000)],
    ['a password', 'document_encrypted', () => makeLockedPdf()],
    ['no pages to find', 'document_', () => assemblePdf(['<< /Type /Nothing >>'], '')],
  ])('should be told as by one child: %s', async (_what, code, make) => {
    const bytes = await make();
    const told = await failure(alone, bytes);
    expect(told).toMatchObject({ name: 'PermanentError', code: expect.stringContaining(code) });
    expect(await failure(shared, bytes)).toEqual(told);
    expect(await failure(many, bytes)).toEqual(told);
  });

  it.each<[string, string, () => Promise<Uint8Array> | Uint8Array, Partial<ParseLimits>]>([
    ['time', 'document_too_slow', () => slowPdf(200, 2_000), { wallMs: 1_000, wallMsPerMib: 0 }],
    ['output', 'document_too_large', () => readFile(repairLog), { outputBytes: 100_000 }],
    ['memory', 'document_too_hungry', () => readFile(repairLog), { rssBytes: 60 * mebibyte }],
  ])('should be stopped by the same bounds: %s', async (_what, code, make, more) => {
    const bytes = await make();
    const limits = { ...defaultParseLimits, ...more };
    const told = await failure(alone, bytes, limits);
    expect(told).toMatchObject({ code });
    expect(await failure(shared, bytes, limits)).toEqual(told);
  });

  it('should give what can be read of a file with broken pages, the same', async () => {
    const bytes = await patchyPdf(240);
    const source = () => Readable.from([bytes]);
    // Children that the tests before have ended are started anew, so that a helper is there in time.
    await Promise.all([parse(shared, source), parse(shared, source)]);
    const one = await parse(alone, source);
    const two = await parse(shared, source);
    expect([one.readers, two.readers]).toEqual([1, 2]);
    expect(two.events).toEqual(one.events);
    expect((await parse(many, source)).events).toEqual(one.events);
  });
});
