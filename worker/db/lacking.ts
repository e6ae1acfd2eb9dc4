import { PermanentError } from '../errors.ts';
import { type Database, guard } from './database.ts';

/** Stands where a task has said that it needs no database. */
export function lackingDatabase(): Database {
  const refuse = async (): Promise<never> => {
    throw new PermanentError({
      code: 'task_without_database',
      message: 'The task asked for the database, although it is declared as pure computation.',
      hint: 'Set `isolation.database` of its definition to true.',
    });
  };
  return guard({ driver: 'postgres', query: refuse, transaction: refuse, close: async () => undefined });
}
