/** The files in which Celery's processes keep their deliveries; `loadtest/peers/celery/records.py` writes them. */
import { open, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Deliveries } from '../../../loadtest/peers/protocol.ts';

const numberBytes = 8;
const recordBytes = 3 * numberBytes;

/** Records by file. */
export type RecordCounts = ReadonlyMap<string, number>;

const filesIn = async (folder: string) => (await readdir(folder)).filter((name) => name.endsWith('.records'));

export async function countRecords(folder: string): Promise<RecordCounts> {
  const counts = new Map<string, number>();
  for (const name of await filesIn(folder)) {
    await using file = await open(join(folder, name));
    counts.set(name, (await read(file, 0, numberBytes)).getFloat64(0, true));
  }
  return counts;
}

export const sumOf = (counts: RecordCounts): number => [...counts.values()].reduce((sum, count) => sum + count, 0);

/** All deliveries but those counted in `without`. */
export async function readRecords(folder: string, without: RecordCounts): Promise<Deliveries> {
  const numbers: number[] = [];
  const sentMs: number[] = [];
  const enteredMs: number[] = [];
  for (const [name, count] of await countRecords(folder)) {
    const skipped = without.get(name) ?? 0;
    await using file = await open(join(folder, name));
    const records = await read(file, numberBytes + skipped * recordBytes, (count - skipped) * recordBytes);
    for (let at = 0; at < records.byteLength; at += recordBytes) {
      numbers.push(records.getFloat64(at, true));
      sentMs.push(records.getFloat64(at + numberBytes, true));
      enteredMs.push(records.getFloat64(at + 2 * numberBytes, true));
    }
  }
  return { numbers, sentMs, enteredMs };
}

/** Only while nobody writes. */
export async function removeRecords(folder: string): Promise<void> {
  for (const name of await filesIn(folder)) await rm(join(folder, name), { force: true });
}

async function read(file: Awaited<ReturnType<typeof open>>, position: number, bytes: number): Promise<DataView> {
  const buffer = new Uint8Array(bytes);
  const { bytesRead } = await file.read(buffer, 0, bytes, position);
  return new DataView(buffer.buffer, 0, bytesRead);
}
