import { expect, it } from 'vitest';
import type { Report } from '../doctor/index.ts';
import { reportLines, reportTable } from './doctor-report.ts';

const finding = { level: 'fault', code: 'redis_eviction', message: 'It drops keys.', mend: 'Set noeviction.' } as const;
const check = { facts: {}, unseen: [], ms: 1 };
const report: Report = {
  status: 'fault',
  checked_at: '2026-01-01T00:00:00.000Z',
  mode: 'worker',
  checks: [
    {
      ...check,
      subject: 'redis server a:1',
      status: 'fault',
      found: 'master',
      findings: [
        { level: 'warning', code: 'redis_aof_off', message: 'It keeps no log.', mend: 'Set appendonly yes.' },
        finding,
      ],
    },
    { ...check, subject: 'redis broker', status: 'fault', found: 'redis_eviction', findings: [finding] },
    { ...check, subject: 'storage', status: 'ok', found: 'written', findings: [], unseen: ['its owner'] },
  ],
};
const rest = [
  'unseen  storage: its owner',
  '',
  'fault redis_eviction: It drops keys.',
  '  To mend it: Set noeviction.',
  '',
  'warning redis_aof_off: It keeps no log.',
  '  To mend it: Set appendonly yes.',
];

it('should print a line a check, then what could not be seen, then each finding once, faults first', () => {
  expect(reportLines(report).split('\n')).toEqual([
    'fault   redis server a:1: master',
    'fault   redis broker: redis_eviction',
    'ok      storage: written',
    ...rest,
    'fault: 3 checks, 1 ok, 0 with warnings, 2 with faults',
  ]);
});

it('should print a table on a terminal, and the same under it', () => {
  expect(reportTable(report).split('\n')).toEqual([
    '       what              found',
    '-----  ----------------  --------------',
    'fault  redis server a:1  master',
    'fault  redis broker      redis_eviction',
    'ok     storage           written',
    ...rest,
    '',
    'fault: 3 checks, 1 ok, 0 with warnings, 2 with faults',
  ]);
});
