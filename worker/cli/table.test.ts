import { expect, it } from 'vitest';
import { table } from './table.ts';

it('should make columns as wide as their widest cell, and put numbers to the right', () => {
  expect(
    table(
      ['document', 'pages', 'time'],
      [
        ['repair-log.pdf', 300, '4 s'],
        ['a.txt', 1, '12 s'],
      ],
    ),
  ).toBe(
    [
      'document        pages  time',
      '--------------  -----  ----',
      'repair-log.pdf    300  4 s',
      'a.txt               1  12 s',
    ].join('\n'),
  );
});

it('should put a column to the left in which not all are numbers', () => {
  expect(table(['n'], [[100], ['-']])).toBe('n\n---\n100\n-');
});

it('should print the head alone when there are no rows', () => {
  expect(table(['name', 'n'], [])).toBe('name  n\n----  -');
});

it('should leave no blanks at the end of lines', () => {
  for (const line of table(
    ['a', 'b'],
    [
      ['long cell', ''],
      ['', ''],
    ],
  ).split('\n'))
    expect(line).toBe(line.trimEnd());
});
