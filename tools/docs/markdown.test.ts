import { describe, expect, it } from 'vitest';
import { anchorsOf, fencesOf, linksOf, table } from './markdown.ts';

const page = [
  '# One: two',
  '[a](b.md) `[no](no.md)`',
  '```sh',
  '# no heading [no](no.md)',
  'make up',
  '```',
  '## One: two',
  '## `GET /x`',
].join('\n');

describe('markdown', () => {
  it('should find fenced blocks with their language and line', () => {
    expect(fencesOf(page)).toEqual([{ language: 'sh', line: 3, text: '# no heading [no](no.md)\nmake up' }]);
  });

  it('should find links outside code only', () => {
    expect(linksOf(page)).toEqual([{ target: 'b.md', line: 2 }]);
  });

  it('should make anchors as GitHub does', () => {
    expect([...anchorsOf(page)]).toEqual(['one-two', 'one-two-1', 'get-x']);
  });

  it('should keep pipes and line ends inside their cell', () => {
    expect(table(['a'], [['x|y\nz']])).toBe('| a |\n| --- |\n| x\\|y z |');
  });
});
