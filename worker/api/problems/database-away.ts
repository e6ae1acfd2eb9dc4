/** What a broken database means for a request: was it taken or not. */
import { isTransientDatabaseError, sqlState } from '../../db/index.ts';

/** Said by drivers whose `close` was called: this process is stopping. */
const closed = /PGlite is closed|Cannot use a pool after calling end|Client was closed/;
/** The statement never reached the server. */
const neverSent = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN']);

const causes = function* (thrown: unknown): Generator<Error> {
  for (let error = thrown; error instanceof Error; error = error.cause) yield error;
};

export const isDatabaseAway = (thrown: unknown): boolean =>
  isTransientDatabaseError(thrown) || causes(thrown).some((error) => closed.test(error.message));

/**
 * Whether a statement that failed so may have been committed all the same: the connection broke after it was sent. An error
 * that the server itself answered with has rolled it back, except where the server was going down (57P0x).
 */
export function mayHaveCommitted(thrown: unknown): boolean {
  if (!isTransientDatabaseError(thrown)) return false;
  const state = sqlState(thrown);
  if (state !== undefined) return state.startsWith('08') || state.startsWith('57P0');
  return !causes(thrown).some(
    (error) =>
      ('code' in error && typeof error.code === 'string' && neverSent.has(error.code)) ||
      /timeout exceeded when trying to connect/.test(error.message),
  );
}
