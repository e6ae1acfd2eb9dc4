import { describe, expect, test } from 'vitest';
import { vitestCounts } from './suites.ts';

const file = (status: string, ...tests: string[]) => ({
  status,
  assertionResults: tests.map((each) => ({ status: each })),
});

describe('vitestCounts', () => {
  test('should count tests by their status', () => {
    const testResults = [file('passed', 'passed', 'passed', 'skipped'), file('failed', 'failed', 'passed')];
    expect(vitestCounts({ success: false, testResults })).toEqual({ passed: 3, failed: 1, skipped: 1 });
  });

  test('should count a file that did not load as one failed', () => {
    expect(vitestCounts({ success: false, testResults: [file('failed')] })).toEqual({
      passed: 0,
      failed: 1,
      skipped: 0,
    });
  });

  test('should count a file whose hook threw, so that its tests never ran', () => {
    const testResults = [file('failed', 'skipped', 'skipped')];
    expect(vitestCounts({ success: false, testResults })).toEqual({ passed: 0, failed: 1, skipped: 2 });
  });

  test('should count an error outside of every test', () => {
    const testResults = [file('passed', 'passed')];
    expect(vitestCounts({ success: false, testResults })).toEqual({ passed: 1, failed: 1, skipped: 0 });
  });

  test('should count nothing where there is no test', () => {
    expect(vitestCounts({ success: true, testResults: [] })).toEqual({ passed: 0, failed: 0, skipped: 0 });
  });
});
