/** The parts of a beat on one embedded database: opening it takes longer than most of what is tried on it. */
import { afterAll, beforeAll, describe } from 'vitest';
import { type Database, migrate, openPglite } from '../db/index.ts';
import { claimSuite } from './testing/claim-suite.ts';
import { firingSuite } from './testing/firing-suite.ts';
import { seedSuite } from './testing/seed-suite.ts';

let db: Database;
beforeAll(async () => {
  db = await openPglite(undefined);
  await migrate(db);
}, 60_000);
afterAll(() => db.close());

describe('claims of slots', () => claimSuite(() => db));
describe('schedules of code', () => seedSuite(() => db));
describe('a beat', () => firingSuite(() => db));
