/** Means that delivery must do without, looked for in every source of the worker. */
import { globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, it } from 'vitest';

const root = path.resolve(import.meta.dirname, '..');
const sources = globSync('**/*.ts', { cwd: root, exclude: ['**/*.test.ts'] }).map((file) => ({
  file,
  text: readFileSync(path.join(root, file), 'utf8'),
}));

const forbidden: readonly (readonly [string, RegExp])[] = [
  ["BullMQ's flow producer, whose keys stand in several slots", /\bFlowProducer\b/],
  ["ioredis' key prefix, which BullMQ does not heed", /\bkeyPrefix\s*:/],
  ['locks of a session of Postgres: PGlite has one session', /\bpg_(try_)?advisory_(lock|unlock)/],
];

it.each(forbidden)('should not use %s', (_what, pattern) => {
  expect(sources.length).toBeGreaterThan(100);
  expect(sources.filter(({ text }) => pattern.test(text)).map(({ file }) => file)).toEqual([]);
});
