import { expect, it } from 'vitest';
import { StatementTimeoutError } from '../db/database.ts';
import { postgresFault } from './postgres-cause.ts';

const target = { host: 'pg', port: 5432, user: 'millrace', database: 'millrace' } as Parameters<
  typeof postgresFault
>[0];

it('should call a server silent that lets in and then answers nothing, as one that lets nobody in', () => {
  expect(postgresFault(target, new StatementTimeoutError(8000)).code).toBe('database_silent');
  expect(postgresFault(target, new Error('timeout exceeded when trying to connect')).code).toBe('database_silent');
});
