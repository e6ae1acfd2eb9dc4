/** What Millrace does with the files: see protocol.ts. One request a line on standard input, one answer a line. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { createInterface } from 'node:readline';
import { ChildPool } from '../../worker/services/bounded-child/pool.ts';
import { extract } from '../../worker/services/extraction/extract.ts';
import { defaultExtractLimits } from '../../worker/services/extraction/extractor.ts';
import { defaultParseLimits, defaultPool, defaultSharing, parseHeapMib } from '../../worker/services/parsing/limits.ts';
import { DocumentParser } from '../../worker/services/parsing/parse.ts';
import { runShared } from '../../worker/services/parsing/shared-job.ts';
import { cutBlocks, splitBlocks } from '../../worker/services/splitting/split.ts';
import type { BenchChildArgument } from './bench-child.ts';
import type { Answer, Request, Work } from './protocol.ts';

interface Result {
  readonly text: string;
  readonly chars: number;
  readonly pieces: number;
}

const rule = { mode: 'automatic' } as const;
const context = { limits: defaultExtractLimits, cache: new Map<string, unknown>() };
/** Longer than the benchmark: warm children stay. */
const idleMs = 600_000;

/** Millrace cuts by tokens whatever the peer counts. */
const isCut = (work: Work) => work === 'split' || work === 'split_characters';

async function alone(work: Work, file: string): Promise<Result> {
  const bytes = await readFile(file);
  const { blocks } = await extract(once(bytes), basename(file), context);
  if (work === 'extract' || work === 'check') {
    let text = '';
    for await (const block of blocks) text += joined(text, block);
    return { text, chars: text.length, pieces: 0 };
  }
  let chars = 0;
  let pieces = 0;
  for await (const { content } of isCut(work) ? cutBlocks(blocks, rule) : splitBlocks(blocks, rule)) {
    chars += content.length;
    pieces += 1;
  }
  return { text: '', chars, pieces };
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

const joined = (before: string, block: { readonly text: string; readonly continued?: boolean }) =>
  before === '' || block.continued === true ? block.text : `\n\n${block.text}`;

/** Files to segments in the parser of the product; extraction and cutting alone in the same kind of child. */
class Pair {
  readonly #parser = new DocumentParser({ size: 2, idleMs });
  readonly #pool = new ChildPool({
    ...defaultPool,
    size: 2,
    idleMs,
    module: new URL('./bench-child.ts', import.meta.url),
    heapMib: parseHeapMib,
  });

  async run(work: Work, file: string): Promise<Result> {
    return work === 'whole' ? await this.#parsed(file) : await this.#benched(work, file);
  }

  async close(): Promise<void> {
    await Promise.all([this.#parser.close(), this.#pool.close()]);
  }

  async #parsed(file: string): Promise<Result> {
    let chars = 0;
    let pieces = 0;
    for await (const event of this.#parser.parse({
      source: () => createReadStream(file),
      name: basename(file),
      rule,
    })) {
      if (event.type !== 'segments') continue;
      for (const { content } of event.segments) chars += content.length;
      pieces += event.segments.length;
    }
    return { text: '', chars, pieces };
  }

  async #benched(work: Work, file: string): Promise<Result> {
    const argument: BenchChildArgument = {
      name: basename(file),
      split: isCut(work),
      sharePages: defaultSharing.minPages,
    };
    const job = { source: () => createReadStream(file), argument, limits: defaultParseLimits };
    const values = runShared(this.#pool, job, { ...defaultSharing, helpers: 1 });
    let text = '';
    let chars = 0;
    let pieces = 0;
    for await (const value of values) {
      // What bench-child.ts yields.
      const texts = value as string[];
      for (const one of texts) chars += one.length;
      if (isCut(work)) pieces += texts.length;
      else text += texts.join('');
    }
    return { text, chars, pieces };
  }
}

let pair: Pair | undefined;

async function answer({ work, files, processes }: Request): Promise<Answer> {
  const began = performance.now();
  const results: Result[] = [];
  if (processes === 1) for (const file of files) results.push(await alone(work, file));
  else {
    pair ??= new Pair();
    const both = pair;
    results.push(...(await Promise.all(files.map((file) => both.run(work, file)))));
  }
  const seconds = (performance.now() - began) / 1000;
  if (work !== 'check') {
    const sum = (of: (result: Result) => number) => results.reduce((total, result) => total + of(result), 0);
    return { seconds, chars: sum(({ chars }) => chars), pieces: sum(({ pieces }) => pieces), prints: [] };
  }
  const texts = results.map(({ text }) => text.replace(/\s+/gu, ''));
  return {
    seconds,
    chars: texts.reduce((total, text) => total + Array.from(text).length, 0),
    pieces: 0,
    prints: texts.map((text) => createHash('sha256').update(text).digest('hex')),
  };
}

for await (const line of createInterface({ input: process.stdin })) {
  const reply = await answer(JSON.parse(line)).catch((error: unknown) => ({ error: String(error) }));
  process.stdout.write(`${JSON.stringify(reply)}\n`);
}
await pair?.close();
