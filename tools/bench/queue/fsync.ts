/** What this machine takes to make a write durable: the floor under every commit. */
import { mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** As pg_test_fsync does: a page of Postgres's log, rewritten in place. */
const pageBytes = 8192;
const writes = 300;

/** Milliseconds of each write and fdatasync in the temporary folder. */
export async function fsyncTimes(): Promise<number[]> {
  const folder = await mkdtemp(join(tmpdir(), 'millrace-bench-fsync-'));
  try {
    await using file = await open(join(folder, 'page'), 'w');
    const page = new Uint8Array(pageBytes).fill(1);
    const took: number[] = [];
    while (took.length < writes) {
      const from = performance.now();
      await file.write(page, 0, pageBytes, 0);
      await file.datasync();
      took.push(performance.now() - from);
    }
    return took;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
