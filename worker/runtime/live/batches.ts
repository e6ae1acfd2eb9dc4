/** Most ids asked for in one statement. */
export const askBatch = 1000;

export function* batches(ids: readonly string[]): Generator<readonly string[]> {
  for (let from = 0; from < ids.length; from += askBatch) yield ids.slice(from, from + askBatch);
}
