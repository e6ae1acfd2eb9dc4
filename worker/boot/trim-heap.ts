/** What loading the code took is given back to the system. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/**
 * Collects garbage once, all of it. V8 keeps the pages that it grew to while modules were loaded, three times what a process
 * that waits for work uses, until it has a reason to look; one that is idle has none. Takes some 50 ms, so it is for the end
 * of a start.
 */
export function trimHeap(): void {
  setFlagsFromString('--expose-gc');
  // the function stands in contexts that are made after the flag was set
  const collect: unknown = runInNewContext('gc');
  setFlagsFromString('--no-expose-gc');
  if (typeof collect === 'function') collect();
}
