/** One round for each number of workers; in the end there are as many as before, also when a round fails or is broken off. */
import { errorText } from '../../worker/errors.ts';
import type { Installation, Worker } from './api.ts';
import type { Door } from './doors.ts';

export interface Rounds<T> {
  readonly door: Door;
  readonly installation: Pick<Installation, 'workers' | 'untilWorkers'>;
  /** How many workers each round has. */
  readonly workers: readonly number[];
  /** Ends the round that runs, but for a command that scales, which is left to its end: nobody knew what it left behind. */
  readonly signal: AbortSignal;
  /** Measures what these do. */
  measure(live: readonly Worker[]): Promise<T>;
}

/** What each round measured. @throws what a round threw, or the reason of `signal` */
export async function runRounds<T>({ door, installation, workers, signal, measure }: Rounds<T>): Promise<T[]> {
  const atFirst = (await installation.workers()).length;
  let standing = atFirst;
  const measured: T[] = [];
  try {
    for (const count of workers) {
      signal.throwIfAborted();
      console.log(`${door.name}: ${count} worker${count === 1 ? '' : 's'}`);
      standing = count;
      await door.scale(count);
      measured.push(await measure(await installation.untilWorkers(count, signal)));
    }
    return measured;
  } finally {
    // what went wrong before is the better answer: this only says so
    if (atFirst > 0 && atFirst !== standing) await scaleBack(door, atFirst);
  }
}

async function scaleBack(door: Door, workers: number): Promise<void> {
  console.log(`${door.name}: back to ${workers}`);
  await door.scale(workers).catch((error: unknown) => {
    console.error(`scaling: there are not ${workers} workers again as before: ${errorText(error)}`);
  });
}
