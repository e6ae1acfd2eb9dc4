import { describe, expect, it } from 'vitest';
import { readGate } from './arguments.ts';

const given = (...more: string[]) => [
  '--container',
  'abc',
  '--expect',
  'healthy',
  '--pids',
  '64',
  '--timeout',
  '60',
  ...more,
];

describe("the gate's command line", () => {
  it('should be read', () => {
    expect(readGate(given())).toEqual({ container: 'abc', expected: 'healthy', pidsLimit: 64, timeoutSeconds: 60 });
  });

  it.each([
    [[], '--container is missing'],
    [given('--expect', 'running'), '--expect is "running"; expected healthy or completed'],
    [given('--pids', '0'), '--pids is "0"; expected a whole number of at least 1'],
    [given('--timeout', 'soon'), '--timeout is "soon"'],
    [given('--wait'), 'An argument was not understood'],
  ])('should refuse %j', (argv, message) => {
    expect(() => readGate(argv)).toThrow(message);
  });
});
