import { resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { vitestCounts } from './suites.ts';

const file = (status: string, ...tests: string[]) => ({
  status,
  assertionResults: tests.map((each) => ({ status: each })),
});

describe('vitestCounts', () => {
  test('should count tests by their status', () => {
    const testResults = [file('passed', 'passed', 'passed', 'skipped'), file('failed', 'failed', 'passed')];
    expect(vitestCounts({ success: false, testResults })).toEqual({
      passed: 3,
      failed: 1,
      skipped: 1,
      failures: [expect.any(String)],
    });
  });

  test('should count a file that did not load as one failed', () => {
    expect(vitestCounts({ success: false, testResults: [file('failed')] })).toEqual({
      passed: 0,
      failed: 1,
      skipped: 0,
      failures: ['a file'],
    });
  });

  test('should count a file whose hook threw, so that its tests never ran', () => {
    const testResults = [file('failed', 'skipped', 'skipped')];
    expect(vitestCounts({ success: false, testResults })).toEqual({
      passed: 0,
      failed: 1,
      skipped: 2,
      failures: ['a file'],
    });
  });

  test('should count an error outside of every test', () => {
    const testResults = [file('passed', 'passed')];
    expect(vitestCounts({ success: false, testResults })).toEqual({
      passed: 1,
      failed: 1,
      skipped: 0,
      failures: [expect.stringContaining('outside of every test')],
    });
  });

  test('should tell what failed by its file and name, with the first lines of why', () => {
    const failed = {
      status: 'failed',
      fullName: 'a queue should be empty',
      failureMessages: [`AssertionError: 3 is not 0\n${'at somewhere\n'.repeat(40)}`],
    };
    const broken = { ...file('failed'), name: resolve('test/b.test.ts'), message: 'no such module' };
    const testResults = [
      { status: 'failed', name: resolve('test/a.test.ts'), assertionResults: [failed, { status: 'passed' }] },
      broken,
    ];
    const { failures } = vitestCounts({ success: false, testResults });
    expect(failures).toEqual([
      'test/b.test.ts\n    no such module',
      expect.stringMatching(/^test\/a\.test\.ts: a queue should be empty\n {4}AssertionError: 3 is not 0\n/),
    ]);
    expect(failures[1]?.split('\n')).toHaveLength(13);
  });

  test('should count nothing where there is no test', () => {
    expect(vitestCounts({ success: true, testResults: [] })).toEqual({
      passed: 0,
      failed: 0,
      skipped: 0,
      failures: [],
    });
  });
});
