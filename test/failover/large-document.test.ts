/** The promise of the upload limit: 200 MB of text are indexed, and the processes that do it stay under 1 GB together. */
import { once } from 'node:events';
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { insertDocument, newDocumentId } from '../../worker/services/knowledge/documents.ts';
import { documentsFolder } from '../fixtures/questions.ts';
import { type Bench, type Place, startBench } from '../integration/indexing/bench.ts';

const megabyte = 1024 * 1024;
const fileBytes = 200 * megabyte;
const peakBytes = 1024 * megabyte;
const withinMs = 240_000;
const sampleMs = 250;
const needle = 'The lamplighter Ottokar Brandwein hid the sluice key beneath the ninth flagstone.';

/** Sentences of many words, different all the way, with the needle three quarters in. */
async function writeText(path: string): Promise<void> {
  const out = createWriteStream(path, { highWaterMark: megabyte });
  const prose = await Promise.all(
    ['handbook.md', 'morning-start.txt', 'museum-tour.mdx', 'radio-interview.vtt', 'insurance-claim.eml'].map((name) =>
      readFile(new URL(name, documentsFolder), 'utf8'),
    ),
  );
  const vocabulary = [...new Set(prose.join(' ').match(/[a-z]{2,12}/g))].filter((word) => !needle.includes(word));
  let seed = 20_261_121;
  const random = (below: number) => {
    seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
    return (seed >>> 4) % below;
  };
  let written = 0;
  let hidden = false;
  while (written < fileBytes) {
    let piece = '';
    while (piece.length < megabyte) {
      const words = Array.from({ length: 8 + random(12) }, () => vocabulary[random(vocabulary.length)]).join(' ');
      piece += `The ${words}.${random(6) === 0 ? '\n\n' : ' '}`;
    }
    if (!hidden && written > fileBytes * 0.75) {
      // often enough to be what its segment is about: `economy` keeps the ten most telling words of a segment
      piece += `\n\n${`${needle} `.repeat(8)}\n\n`;
      hidden = true;
    }
    written += piece.length;
    if (!out.write(piece)) await once(out, 'drain');
  }
  out.end();
  await once(out, 'finish');
}

/** Resident memory of this process and all its descendants, in bytes, by `VmRSS` of each. */
async function treeRssBytes(): Promise<number> {
  const parentOf = new Map<number, number>();
  const rssOf = new Map<number, number>();
  for (const name of await readdir('/proc')) {
    const pid = Number(name);
    if (!Number.isInteger(pid)) continue;
    // a process may end between the listing and the look
    const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
    parentOf.set(pid, Number(/^PPid:\s+(\d+)/m.exec(status)?.[1] ?? 0));
    rssOf.set(pid, Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1] ?? 0) * 1024);
  }
  const isOurs = (pid: number): boolean => pid === process.pid || (pid > 1 && isOurs(parentOf.get(pid) ?? 0));
  let sum = 0;
  for (const [pid, rss] of rssOf) if (isOurs(pid)) sum += rss;
  return sum;
}

describe('a text of 200 MB', () => {
  let bench: Bench;
  let place: Place;
  let folder: string;
  beforeAll(async () => {
    bench = await startBench('postgres');
    place = await bench.dataset('economy');
    folder = await mkdtemp(join(tmpdir(), 'millrace-large-'));
  });
  afterAll(async () => {
    await bench?.[Symbol.asyncDispose]();
    await rm(folder, { recursive: true, force: true });
  });

  it('should be indexed to the end, in less than 1 GB, and be found', async () => {
    const path = join(folder, 'large.txt');
    await writeText(path);
    const id = newDocumentId();
    const file = await bench.services.storage.put(`upload_files/${place.tenantId}/${id}`, createReadStream(path));
    expect(file.sizeBytes).toBeGreaterThanOrEqual(fileBytes);
    await bench.db.tx((tx) =>
      insertDocument(tx, {
        id,
        ...place,
        batch: 'large',
        name: 'large.txt',
        source: 'upload_file',
        file,
        processRule: { mode: 'automatic' },
        language: undefined,
        taskId: newDocumentId(),
      }),
    );
    let peak = 0;
    let sampling = Promise.resolve();
    const sampler = setInterval(() => {
      sampling = treeRssBytes().then((bytes) => {
        peak = Math.max(peak, bytes);
      });
    }, sampleMs);
    const startedAt = performance.now();
    try {
      const task = await bench.runtime.ended(await bench.send('document_indexing_task', place, [id]), withinMs);
      expect(task).toMatchObject({ status: 'COMPLETED', attempts: 1 });
    } finally {
      clearInterval(sampler);
      await sampling;
    }
    const seconds = (performance.now() - startedAt) / 1000;
    const document = await bench.document(place, id);
    console.info(
      `200 MB: ${document.total_segments} segments in ${seconds.toFixed(0)} s, process tree ${(peak / megabyte).toFixed(0)} MB at most`,
    );
    expect(peak).toBeLessThan(peakBytes);
    expect(document).toMatchObject({ indexing_status: 'completed', completed_segments: document.total_segments });
    const [stored] = await bench.db.query<{ count: number; last: number; waiting: number }>(
      `select count(*)::int as count, max(position) as last, count(*) filter (where status <> 'completed')::int as waiting
         from segments where document_id = $1`,
      [id],
    );
    expect(stored).toEqual({ count: document.total_segments, last: document.total_segments, waiting: 0 });
    const [best] = await bench.search(place, 'Where did the lamplighter Ottokar Brandwein hide the sluice key?');
    expect(best?.segment.content).toContain(needle);
  });
});
