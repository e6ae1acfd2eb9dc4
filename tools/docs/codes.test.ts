import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { repositoryFiles, root } from './pages-on-disk.ts';

const read = (file: string) => readFileSync(path.join(root, file), 'utf8');
const sources = repositoryFiles()
  .filter((file) => /^worker\/.*\.ts$/.test(file) && !/\.test\.ts$|\/testing\//.test(file))
  .map(read);

/** Codes that stand in `new Kind({ code: '…' })`. */
const codesOf = (kind: string) => [
  ...new Set(
    sources.flatMap((text) =>
      [...text.matchAll(new RegExp(`new ${kind}\\(\\{\\s*code: '(\\w+)'`, 'g'))].map(([, code = '']) => code),
    ),
  ),
];

/** Codes in the first column of a page's tables. */
const tabled = (page: string) =>
  [...read(page).matchAll(/^\| (`[^|]+`) \|/gm)].flatMap(([, cell = '']) =>
    [...cell.matchAll(/`(\w+)`/g)].map(([, code = '']) => code),
  );

describe('codes in the guides', () => {
  it('should tell every error that keeps a process from starting', () => {
    const told = tabled('docs/guides/troubleshooting.md');
    const codes = codesOf('StartError');
    expect(codes.length).toBeGreaterThan(10);
    expect(codes.filter((code) => !told.includes(code))).toEqual([]);
    expect(told.filter((code) => !codes.includes(code))).toEqual([]);
  });

  it('should tell every error that a document may end with', () => {
    const told = tabled('docs/guides/indexing.md').filter((code) => code.startsWith('document_'));
    const codes = codesOf('DocumentError');
    expect(codes.length).toBeGreaterThan(5);
    expect([...new Set(codes)].sort()).toEqual(told.sort());
  });
});

describe('docs/guides/doctor.md', () => {
  it('should tell every finding of the doctor', () => {
    const told = tabled('docs/guides/doctor.md').filter((code) => code.includes('_'));
    const named = repositoryFiles()
      .filter((file) => /^worker\/(doctor\/.*|redis\/(one-server|cause))\.ts$/.test(file) && !/\.test\.ts$/.test(file))
      .flatMap((file) => [
        ...read(file).matchAll(/(?:(?:fault|warning|\))\(\s*|code: |notSpeaking = )'([a-z]+_[a-z_]+)'/g),
      ])
      .map(([, code = '']) => code);
    const codes = [...new Set(named)];
    expect(codes.length).toBeGreaterThan(40);
    expect(codes.filter((code) => !told.includes(code))).toEqual([]);
    // errors of other rooms that it passes on
    const passedOn = ['storage_failed', 'storage_misconfigured', 'data_folder_unwritable', 'data_folder_damaged'];
    expect(told.filter((code) => !codes.includes(code) && !passedOn.includes(code))).toEqual([]);
  });
});

describe('docs/guarantees.md', () => {
  const promises = read('docs/guarantees.md')
    .split(/^(?=\*\*)/m)
    .filter((part) => part.startsWith('**'));

  it.each(promises.map((text) => ({ promise: text.split('\n')[0] ?? '', text })))(
    'should name the tests that hold a promise: $promise',
    ({ text }) => {
      const tests = [...(text.split('- *Held by:*')[1] ?? '').matchAll(/`([^`]+\.test\.ts)`/g)];
      expect(tests.length).toBeGreaterThan(0);
    },
  );
});
