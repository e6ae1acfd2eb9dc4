import { describe, expect, it } from 'vitest';
import { figure, median, row } from './report.ts';

describe('a benchmark row', () => {
  it('should have the middle sample as its median, whatever their order', () => {
    expect(row('PDF', 'time', 's', [3, 1, 2])).toEqual({
      subject: 'PDF',
      metric: 'time',
      unit: 's',
      samples: [3, 1, 2],
      median: 2,
    });
    expect(median([4, 1, 2, 3])).toBe(2.5);
    expect(median([])).toBeNaN();
  });

  it('should be printed with three significant digits', () => {
    expect([12_345, 123.4, 12.34, 1.234, 0.1234, 0, Number.NaN].map(figure)).toEqual([
      '12345',
      '123',
      '12.3',
      '1.23',
      '0.123',
      '0.00',
      '-',
    ]);
  });
});
