import { writeFile } from 'node:fs/promises';
import { isMainThread } from 'node:worker_threads';

/** In thousandths of the machine's memory, added to what a process takes: a task's host goes before its worker, that before its parent. */
const scores = { worker: '250', host: '500' } as const;

/** Says which of our processes a kernel that is out of memory should end first. */
export async function standInFrontOfTheKiller(as: keyof typeof scores): Promise<void> {
  if (!isMainThread || process.platform !== 'linux') return;
  await writeFile('/proc/self/oom_score_adj', scores[as]).catch(() => undefined);
}
