import { Readable } from 'node:stream';
import { strToU8, zipSync } from 'fflate';
import { afterAll, describe, expect, it } from 'vitest';
import { collect } from '../bounded-child/testing/collect.ts';
import { DocumentError, type Segment } from '../document.ts';
import { makeDocx } from '../extraction/testing/make-office.ts';
import { makeLockedPdf, makePdf, makeScan } from '../extraction/testing/make-pdf.ts';
import { defaultParseLimits, maxBatchSegments, type ParseLimits } from './limits.ts';
import { DocumentParser, type ParseEvent, type ParseRequest, parseDocument } from './parse.ts';

const mebibyte = 1024 * 1024;
const parser = new DocumentParser();
afterAll(() => parser.close());

function request(bytes: Uint8Array | string, more: Partial<ParseRequest> = {}): ParseRequest {
  return { source: () => Readable.from([Buffer.from(bytes)]), name: 'x', rule: { mode: 'automatic' }, ...more };
}

function limits(more: Partial<ParseLimits>): ParseLimits {
  return { ...defaultParseLimits, ...more };
}

function segmentsOf(events: readonly ParseEvent[]): Segment[] {
  return events.flatMap((event) => (event.type === 'segments' ? event.segments : []));
}

/** Pieces of text, as many as wanted, made when they are asked for. */
function endless(pieces: number, piece: Buffer): Readable {
  return Readable.from(
    (function* () {
      for (let at = 0; at < pieces; at += 1) yield piece;
    })(),
  );
}

const paragraphs = Array.from(
  { length: 3000 },
  (_, at) => `Paragraph ${at} tells of the tide, which turns twice a day.`,
).join('\n\n');
const short = {
  mode: 'custom',
  rules: { pre_processing_rules: [], segmentation: { separator: '\n\n', max_tokens: 50, chunk_overlap: 0 } },
} as const;
const rule: ParseRequest['rule'] = { mode: 'custom', rules: { ...short.rules, pre_processing_rules: [] } };

describe('parsing', () => {
  it('should give metadata, then segments in batches, then totals', async () => {
    const events = await collect(parser.parse(request(paragraphs, { rule })));
    expect(events[0]).toEqual({ type: 'metadata', metadata: { format: 'txt', encoding: 'utf-8' } });
    const segments = segmentsOf(events);
    expect(segments).toHaveLength(3000);
    expect(segments.map((segment) => segment.position)).toEqual(segments.map((_, at) => at + 1));
    for (const event of events)
      if (event.type === 'segments') expect(event.segments.length).toBeLessThanOrEqual(maxBatchSegments);
    expect(events.at(-1)).toMatchObject({ type: 'done', segments: 3000, bytes: Buffer.byteLength(paragraphs) });
  });

  it('should go on after the segments that a caller has', async () => {
    const whole = segmentsOf(await collect(parser.parse(request(paragraphs, { rule }))));
    const events = await collect(parser.parse(request(paragraphs, { rule, skipSegments: 2900 })));
    expect(segmentsOf(events)).toEqual(whole.slice(2900));
    expect(events.at(-1)).toMatchObject({ type: 'done', segments: 3000 });
  });

  it('should carry pages and properties of a PDF and headings of a DOCX', async () => {
    const pdf = await collect(parser.parse(request(await makePdf(['One.', 'Two.']), { rule })));
    expect(pdf[0]).toMatchObject({ metadata: { format: 'pdf', title: 'Tides', pages: 2 } });
    expect(segmentsOf(pdf)[0]).toMatchObject({ page: 1 });
    const docx = segmentsOf(await collect(parser.parse(request(await makeDocx()))));
    expect(docx[0]?.content).toContain('Port: Brest; Height: 6.1 m');
  });

  it('should parse a document in a child of its own', async () => {
    expect(segmentsOf(await collect(parseDocument(request('A short text.'))))).toHaveLength(1);
  });

  it('should keep the child for the next document when the reader leaves at the totals', async () => {
    await using own = { parser: new DocumentParser({ size: 1 }), [Symbol.asyncDispose]: () => own.parser.close() };
    for await (const event of own.parser.parse(request(paragraphs, { rule }))) if (event.type === 'done') break;
    expect(own.parser.children).toBe(1);
    for await (const _event of own.parser.parse(request(paragraphs, { rule }))) break;
    expect(own.parser.children).toBe(0);
  });

  it('should keep the child small however long a text is', async () => {
    const piece = Buffer.from(`${'The tide turns twice a day and the harbour with it. '.repeat(40)}\n\n`.repeat(31));
    let peak = 0;
    const parse = parser.parse({
      source: () => endless(500, piece),
      name: 'long.txt',
      rule: { mode: 'automatic' },
      limits: limits({ rssBytes: 300 * mebibyte }),
      onPeak: (bytes) => {
        peak = bytes;
      },
    });
    let segments = 0;
    for await (const event of parse) if (event.type === 'segments') segments += event.segments.length;
    expect(segments).toBeGreaterThan(10_000);
    expect(peak).toBeLessThan(300 * mebibyte);
  });

  it('should end the source and the child when it is aborted, and raise the reason', async () => {
    const abort = new AbortController();
    const source = endless(1_000_000, Buffer.from('words and words\n\n'));
    const parse = parser.parse({ source: () => source, name: 'x.txt', rule, signal: abort.signal });
    await parse.next();
    const reason = new Error('cancelled');
    abort.abort(reason);
    await expect(collect(parse)).rejects.toBe(reason);
    expect(source.destroyed).toBe(true);
  });

  it('should hand on the error of a source as it is', async () => {
    const own = new Error('the storage is gone');
    await expect(collect(parser.parse({ ...request(''), source: () => Promise.reject(own) }))).rejects.toBe(own);
  });
});

describe('a document that cannot be indexed', () => {
  const zeros = Buffer.from(
    zipSync({ '[Content_Types].xml': strToU8('x'), 'word/document.xml': new Uint8Array(64 * mebibyte) }, { level: 9 }),
  );

  it.each<[string, () => Promise<Uint8Array | string> | Uint8Array | string, Partial<ParseLimits>]>([
    ['document_empty', () => '', {}],
    ['document_scanned', () => makeScan(2), {}],
    ['document_encrypted', () => makeLockedPdf(), {}],
    ['document_truncated', async () => (await makePdf(['x', 'y'])).subarray(0, 500), {}],
    ['document_unsupported', () => Buffer.from('89504e470d0a1a0a0000000d49484452', 'hex'), {}],
    ['document_malformed', () => `<?xml version="1.0"?>${'<a>'.repeat(50_000)}`, {}],
    ['document_too_large', () => zeros, {}],
    ['document_too_large', () => paragraphs.repeat(5), { outputBytes: 100_000 }],
    ['document_too_slow', () => paragraphs.repeat(100), { wallMs: 100, wallMsPerMib: 0 }],
    ['document_too_hungry', () => paragraphs.repeat(40), { rssBytes: 60 * mebibyte }],
  ])('should be told by %s and a sentence, and leave the next document unharmed', async (code, make, more) => {
    const failed = collect(parser.parse(request(await make(), { limits: limits(more) })));
    await expect(failed).rejects.toBeInstanceOf(DocumentError);
    await expect(failed).rejects.toMatchObject({
      code,
      message: expect.stringMatching(/^[A-Z].*\.$/),
      hint: expect.any(String),
    });
    expect(segmentsOf(await collect(parser.parse(request('A sound document.'))))).toHaveLength(1);
  });
});
