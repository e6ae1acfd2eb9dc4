import { parse } from 'csv-parse';
import type { Block } from '../document.ts';
import type { Extractor } from './extractor.ts';
import { malformedDocument } from './faults.ts';
import { guessDelimiter } from './sniff-csv.ts';
import { cutBlock, rowText } from './text.ts';
import { textOf } from './txt.ts';

/** Longest record, in characters: an opening quote that nobody closes must not take in the whole file. */
const maxRecordChars = 8 * 1024 * 1024;
const sampleChars = 32_768;

/** One `row` block a record: "Header: value; Header: value", so that each row stands alone. */
export const csv: Extractor = {
  format: 'csv',
  async extract(source) {
    const pieces = textOf(source)[Symbol.asyncIterator]();
    const first = await pieces.next();
    const start = first.done === true ? '' : first.value;
    const delimiter = guessDelimiter(start.slice(0, sampleChars))?.delimiter ?? ',';
    async function* all(): AsyncGenerator<string> {
      yield start;
      for (let next = await pieces.next(); next.done !== true; next = await pieces.next()) yield next.value;
    }
    return {
      metadata: { format: 'csv', ...(source.encoding === undefined ? {} : { encoding: source.encoding.encoding }) },
      blocks: rows(all(), delimiter),
    };
  },
};

async function* rows(pieces: AsyncIterable<string>, delimiter: string): AsyncGenerator<Block> {
  const parser = parse({
    delimiter,
    relax_quotes: true,
    relax_column_count: true,
    skip_empty_lines: true,
    max_record_size: maxRecordChars,
    encoding: 'utf8',
  });
  let failure: Error | undefined;
  parser.on('error', (error) => {
    failure = error;
  });
  let header: string[] | undefined;
  let records = 0;
  function* taken(): Generator<Block> {
    for (let record: string[] | null = parser.read(); record !== null; record = parser.read()) {
      if (header === undefined) {
        header = record.map((name) => name.trim());
        continue;
      }
      records += 1;
      const text = rowText(record, header);
      if (text !== '') yield* cutBlock({ kind: 'row', text });
    }
  }
  const settle = () => {
    if (failure !== undefined) throw malformedDocument('csv', failure.message, failure);
  };
  for await (const piece of pieces) {
    if (!parser.write(piece)) {
      // The parser has taken all of it synchronously; reading makes room.
      yield* taken();
    }
    yield* taken();
    settle();
  }
  const ended = new Promise<void>((resolve) => {
    parser.once('readable', resolve);
    parser.once('end', resolve);
    parser.once('close', resolve);
  });
  parser.end();
  await ended;
  yield* taken();
  settle();
  if (records === 0 && header !== undefined) {
    const text = rowText(header, undefined);
    if (text !== '') yield { kind: 'row', text };
  }
}
