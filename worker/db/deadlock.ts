/** Transactions that lock rows in an order which is not theirs to choose. */
import { sqlState } from './database.ts';

const deadlock = '40P01';
/** Two that meet need one more try; more is no coincidence. */
const maxTries = 4;

/**
 * Runs a transaction, and runs it again when the database ended it for a deadlock: of those that met one goes through, and nothing of the other was done.
 * @throws what `transaction` throws, a deadlock the fourth time
 */
export async function pastDeadlocks<T>(transaction: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await transaction();
    } catch (error) {
      if (sqlState(error) !== deadlock || attempt === maxTries) throw error;
    }
  }
}
