/** Writes whose outcome must be known: a 5xx never hides an accepted task. */
import { setTimeout as wait } from 'node:timers/promises';
import { ApiError } from './problems/api-error.ts';
import { isDatabaseAway, mayHaveCommitted } from './problems/database-away.ts';

/** How long a request waits for a database that broke in its middle; a failover of Postgres within it goes unnoticed. */
const resolveMs = 8000;
const firstPauseMs = 50;
const maxPauseMs = 1000;

/**
 * Runs `write`. When the connection breaks so that nobody knows whether it was committed, it is run again until the database
 * says: `write` must be repeatable, by ids chosen beforehand.
 * @param write gets the number of tries before it, from 0
 * @throws ApiError `outcome_unknown` when the database stays away for longer than a request waits
 */
export async function surely<T>(write: (attempt: number) => Promise<T>): Promise<T> {
  let deadline: number | undefined;
  for (let attempt = 0; ; attempt += 1) {
    try {
      return await write(attempt);
    } catch (cause) {
      if (deadline === undefined) {
        if (!mayHaveCommitted(cause)) throw cause;
        deadline = Date.now() + resolveMs;
      } else if (!isDatabaseAway(cause)) {
        throw cause;
      }
      if (Date.now() >= deadline) throw outcomeUnknown(cause);
      await wait(Math.min(firstPauseMs * 2 ** attempt, maxPauseMs) * (0.9 + 0.2 * Math.random()));
    }
  }
}

const outcomeUnknown = (cause: unknown): ApiError =>
  new ApiError({
    code: 'outcome_unknown',
    message: 'The connection to the database broke while it answered: the request may or may not have been taken.',
    hint: 'Send it again when /readyz answers 200; with an options.task_id or unique_key of your own a task is taken once.',
    cause,
  });
