import { describe, expect, it } from 'vitest';
import type { LoadReport } from '../report/load-report.ts';
import { readArguments } from './arguments.ts';
import { sizeFor } from './size.ts';
import { scalingFiles, scalingReport } from './summary.ts';

const worker = (capacity: number) => ({ id: String(capacity), queues: ['fast_tasks'], slots: { capacity } });

function measured(workers: number, throughput: number) {
  const report: LoadReport = {
    scenario: 'scaling',
    description: 'a backlog',
    url: 'http://127.0.0.1:5001',
    writtenAt: '2026-01-01T00:00:00.000Z',
    passed: true,
    seconds: 10,
    workers,
    tasks: { accepted: 60, completed: 60, failed: 0, lost: 0, refused: 0 },
    throughput,
    stages: { queueWait: { 'p(95)': 4000 } },
    overTime: { accepted: [], ended: [] },
    thresholds: [],
  };
  return { workers, slots: 4 * workers, report };
}

describe('the size of the backlog', () => {
  it('should fill each slot of the greatest number of workers ten times', () => {
    expect(sizeFor([worker(4)], 3, { tasks: undefined, sleepMs: undefined })).toEqual({
      tasks: 120,
      sleepMs: 2000,
      drainSeconds: 180,
    });
  });

  it('should have tasks of many slots wait longer, so that no processor is the narrow place', () => {
    const { sleepMs, tasks } = sizeFor([worker(200)], 3, { tasks: undefined, sleepMs: undefined });
    expect((3 * 200 * 1000) / sleepMs).toBeLessThanOrEqual(150);
    expect(tasks).toBe(6000);
  });

  it('should be refused when no drain may take as long as it does', () => {
    const size = (tasks: number) => sizeFor([worker(4)], 3, { tasks, sleepMs: 10_000 });
    expect(size(708).drainSeconds).toBe(3600);
    expect(() => size(709)).toThrow(
      /worked off within 3600 s, instead 709 tasks of 10000 ms on the 4 slots of one worker may take 3605 s\.$/,
    );
  });

  it('should refuse workers that are not alike', () => {
    expect(() => sizeFor([worker(4), worker(8)], 3, { tasks: 1, sleepMs: 1 })).toThrow(
      /same number of slots, instead got 4 and 8/,
    );
  });
});

describe('the verdict', () => {
  const { efficiency } = readArguments([]);

  it.each([
    [26, true],
    [25.9, false],
  ])('should be that three workers with %d tasks/s, where one has 10, pass: %s', (three, passed) => {
    const report = scalingReport('compose', [measured(1, 10), measured(2, 19), measured(3, three)], efficiency);
    expect(report.passed).toBe(passed);
    expect(report.goal).toBeCloseTo(2.6);
    expect(report.rows.map(({ ideal }) => ideal)).toEqual([1, 2, 3]);
  });

  it('should stand in the text, and the chart should show the ideal beside it', () => {
    const files = scalingFiles(scalingReport('compose', [measured(1, 10), measured(3, 28)], efficiency));
    expect(files['scaling-by-workers.txt']).toContain(
      '3 workers are 2.80 times as fast as 1; at least 2.60 is asked for: passed',
    );
    expect(files['scaling-by-workers.html']).toContain('stroke-dasharray');
    expect(files['scaling-by-workers.html']).not.toMatch(/NaN|undefined/);
  });
});
