/** That the table of rules is true of the tree as it stands; `make mutants` runs what is listed. */
import { existsSync, readFileSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { chapters, mutants } from './chapters.ts';
import { breakRule, type Mutant, needsOf } from './mutant.ts';
import { patternOf, verdictOf } from './run-test.ts';

const root = path.resolve(import.meta.dirname, '../..');
const read = (file: string) => readFileSync(path.join(root, file), 'utf8');

describe('a rule of delivery', () => {
  it.each(mutants.map((mutant) => [mutant.id, mutant] as const))(
    'should be broken in one place, and name a test that is there: %s',
    (_id, mutant) => {
      const broken = breakRule(mutant, read(mutant.file));
      expect(broken).not.toBe(read(mutant.file));
      // one that does not load would fail any test
      if (mutant.file.endsWith('.ts')) stripTypeScriptTypes(broken, { mode: 'strip' });
      expect(existsSync(path.join(root, mutant.test.file))).toBe(true);
      const lastWords = mutant.test.name?.split(' ').slice(-2).join(' ') ?? '';
      expect(read(mutant.test.titlesIn ?? mutant.test.file)).toContain(lastWords);
      expect(needsOf(mutant) === 'nothing').toBe(!mutant.test.file.startsWith('test/'));
    },
  );

  it('should have an id of its own, and stand in a chapter with others', () => {
    const ids = mutants.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    for (const id of ids) expect(id).toMatch(/^[a-z]+(-[a-z]+)*$/);
    for (const { mutants: some, title } of chapters) expect(some.length, title).toBeGreaterThan(0);
  });

  it('should not be taken for broken when its text is not there, or there twice', () => {
    const mutant: Mutant = { id: 'x', rule: 'X.', file: 'x.ts', text: 'a', broken: 'b', test: { file: 'x.test.ts' } };
    expect(breakRule(mutant, 'xay')).toBe('xby');
    for (const source of ['xyz', 'aa']) expect(() => breakRule(mutant, source)).toThrow('exactly once');
  });
});

it('should find a test by part of its name, across the names of suites, however they are joined', () => {
  const pattern = patternOf('a claim should be (once) let in');
  for (const name of ['a claim should be (once) let in', 'x > a claim > should be (once) let in on y'])
    expect(pattern.test(name)).toBe(true);
  expect(pattern.test('a claim should be let in')).toBe(false);
});

describe('a verdict', () => {
  const report = (...statuses: string[]) =>
    JSON.stringify({
      testResults: [
        {
          message: statuses.length === 0 ? 'SyntaxError' : '',
          assertionResults: statuses.map((status) => ({
            fullName: 'the test',
            status,
            failureMessages: status === 'failed' ? ['no\nyes'] : [],
          })),
        },
      ],
    });

  it('should be that a test failed, that all passed, or that nothing can be said', () => {
    expect(verdictOf(report('passed', 'failed'))).toEqual({ kind: 'failed', why: 'no' });
    expect(verdictOf(report('passed', 'skipped'))).toEqual({ kind: 'passed', tests: ['the test'] });
    for (const text of [report('skipped'), report(), undefined]) expect(verdictOf(text).kind).toBe('unclear');
  });
});
