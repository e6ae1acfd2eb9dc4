import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { countRecords, readRecords, removeRecords, sumOf } from './celery-records.ts';

/** As `loadtest/peers/celery/records.py` writes a file: how many, then number, sent and entered of each; room behind them. */
function fileOf(records: readonly (readonly [number, number, number])[]): Uint8Array {
  const room = 5;
  const view = new DataView(new ArrayBuffer(8 + (records.length + room) * 24));
  for (const [index, value] of [records.length, ...records.flat()].entries()) view.setFloat64(index * 8, value, true);
  return new Uint8Array(view.buffer);
}

describe("the records of Celery's processes", () => {
  it('should be read from a file a process, without those that were counted before', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'millrace-records-'));
    try {
      const first = [[1, 10.5, 11.25]] as const;
      await writeFile(join(folder, '10.records'), fileOf(first));
      const before = await countRecords(folder);
      expect(sumOf(before)).toBe(1);
      await writeFile(join(folder, '10.records'), fileOf([...first, [2, 20, 21]]));
      await writeFile(join(folder, '11.records'), fileOf([[3, 30, 31.5]]));
      expect(sumOf(await countRecords(folder))).toBe(3);
      const since = await readRecords(folder, before);
      expect(since.numbers.toSorted()).toEqual([2, 3]);
      expect(since.sentMs[since.numbers.indexOf(3)]).toBe(30);
      expect(since.enteredMs[since.numbers.indexOf(3)]).toBe(31.5);
      await removeRecords(folder);
      expect(sumOf(await countRecords(folder))).toBe(0);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
});
