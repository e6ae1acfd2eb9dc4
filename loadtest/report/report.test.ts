import { describe, expect, it } from 'vitest';
import { type K6Summary, loadReport, reportFiles } from './report.ts';

const about = {
  scenario: 'throughput',
  description: 'tasks & <more>',
  url: 'http://127.0.0.1:5001',
  folder: '/reports',
};
const counter = (count: number, thresholds?: Record<string, { ok: boolean }>) => ({
  type: 'counter',
  values: { count, rate: 1 },
  ...(thresholds && { thresholds }),
});
const trend = (middle: number) => ({
  type: 'trend',
  values: {
    count: 4,
    min: middle / 2,
    avg: middle,
    max: middle * 9,
    'p(50)': middle,
    'p(95)': middle * 4,
    'p(99)': middle * 8,
  },
});
const gauge = (min: number, max: number) => ({ type: 'gauge', values: { value: max, min, max } });

const summary = (lost = 0): K6Summary => ({
  state: { testRunDurationMs: 12_345 },
  metrics: {
    http_reqs: counter(9),
    millrace_accepted: counter(4, { 'count>0': { ok: true } }),
    millrace_completed: counter(3),
    millrace_failed: counter(1),
    millrace_refused: counter(0),
    millrace_lost: counter(lost, { 'count==0': { ok: lost === 0 } }),
    millrace_enqueue: trend(8),
    millrace_queue_wait: trend(20),
    millrace_service: trend(0),
    millrace_end_to_end: trend(2000),
    millrace_workers: gauge(3, 3),
    millrace_first_accepted: gauge(500, 900),
    millrace_last_finished: gauge(700, 2500),
    'millrace_accepted_at{second:0}': counter(4, { 'count>=0': { ok: true } }),
    'millrace_ended_at{second:0}': counter(1, { 'count>=0': { ok: true } }),
    'millrace_ended_at{second:1}': counter(0, { 'count>=0': { ok: true } }),
    'millrace_ended_at{second:2}': counter(3, { 'count>=0': { ok: true } }),
    'millrace_ended_at{second:3}': counter(0, { 'count>=0': { ok: true } }),
  },
});

describe('the report of a run', () => {
  it('should hold the account, the times, the tasks by second, and the thresholds that judge', () => {
    expect(loadReport(summary(), about)).toMatchObject({
      passed: true,
      seconds: 12.345,
      workers: 3,
      tasks: { accepted: 4, completed: 3, failed: 1, lost: 0, refused: 0 },
      // four ends between the first acceptance, at 0.5 s, and the last end, at 2.5 s
      throughput: 2,
      stages: { queueWait: { count: 4, 'p(95)': 80 } },
      overTime: { accepted: [4], ended: [1, 0, 3] },
      thresholds: [
        { metric: 'millrace_accepted', expression: 'count>0', ok: true },
        { metric: 'millrace_lost', expression: 'count==0', ok: true },
      ],
    });
  });

  it('should fail with a threshold that was broken, and say which', () => {
    const files = reportFiles(summary(2), about);
    expect(JSON.parse(files['/reports/throughput.json'] ?? '')).toMatchObject({ passed: false, tasks: { lost: 2 } });
    expect(files['/reports/throughput.txt']).toMatch(/^BROKEN {2}millrace_lost count==0$/m);
    expect(files['/reports/throughput.txt']).toContain('throughput against http://127.0.0.1:5001: FAILED');
  });

  it('should fail when tasks that were accepted are in no other column, as after a run that was broken off', () => {
    const broken = { ...summary(), metrics: { ...summary().metrics, millrace_completed: counter(2) } };
    const report = loadReport(broken, about);
    expect(report.passed).toBe(false);
    expect(report.thresholds.filter(({ ok }) => !ok)).toEqual([
      { metric: 'millrace_accepted', expression: 'count==completed+failed+lost', ok: false },
    ]);
  });

  it('should be a page that stands alone, with a chart of times and one of tasks by second', () => {
    const page = reportFiles(summary(), about)['/reports/throughput.html'] ?? '';
    expect(page.match(/<svg /g)).toHaveLength(2);
    expect(page).toContain('tasks &amp; &lt;more&gt;');
    expect(page).not.toMatch(/<(?:script|link|img)\b|NaN|Infinity|undefined/);
  });

  it('should be none when a run was broken off before anything was sent', () => {
    expect(reportFiles({ metrics: {}, state: { testRunDurationMs: 3 } }, about)).toEqual({});
  });
});
