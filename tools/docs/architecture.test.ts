import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { fencesOf } from './markdown.ts';
import { repositoryFiles, root } from './pages-on-disk.ts';

const page = readFileSync(path.join(root, 'docs/architecture.md'), 'utf8');
/** Folders in the first column of a table: `worker/api/`. */
const tabled = [...page.matchAll(/^\| `([\w./-]+\/)` \|/gm)].map(([, folder = '']) => folder);
const files = repositoryFiles();
const isIn = (folder: string) => files.some((file) => file.startsWith(folder));

/** The folders right below `parent` (`''` for the root) that hold files; those of tools begin with a dot and are left out. */
function foldersOf(parent: string): string[] {
  const names = files
    .filter((file) => file.startsWith(parent))
    .flatMap((file) => /^([^/]+)\//.exec(file.slice(parent.length))?.[1] ?? []);
  return [...new Set(names)].filter((name) => !name.startsWith('.')).map((name) => `${parent}${name}/`);
}

interface Rule {
  readonly name: string;
  readonly from: { readonly path?: string | string[]; readonly pathNot?: string | string[] };
  readonly to: { readonly path?: string | string[]; readonly pathNot?: string | string[] };
}
const { forbidden }: { forbidden: readonly Rule[] } = createRequire(import.meta.url)(
  path.join(root, '.dependency-cruiser.cjs'),
);

const matches = (patterns: string | string[] | undefined, file: string, otherwise: boolean) =>
  patterns === undefined ? otherwise : [patterns].flat().some((pattern) => new RegExp(pattern).test(file));

/** The rules that forbid `from` to import `to`. */
const forbidding = (from: string, to: string) =>
  forbidden
    .filter((rule) => rule.to.path !== undefined)
    .filter(({ from: source, to: target }) => {
      const sourceMatch =
        source.path === undefined
          ? undefined
          : [source.path]
              .flat()
              .map((p) => new RegExp(p).exec(from))
              .find(Boolean);
      if (source.path !== undefined && !sourceMatch) return false;
      if (matches(source.pathNot, from, false)) return false;
      const own = [target.pathNot ?? []].flat().map((pattern) => pattern.replace('$1', sourceMatch?.[1] ?? '$1'));
      return matches(target.path, to, false) && !matches(own, to, false);
    })
    .map(({ name }) => name);

/** `a --> b` of the diagram of rooms. */
const arrows = fencesOf(page)
  .filter((fence) => fence.language === 'mermaid')
  .flatMap((fence) => [...fence.text.matchAll(/^\s*(\w+) --> (\w+)\s*$/gm)])
  .map(([, from = '', to = '']) => ({ from, to }));

describe('the folders in docs/architecture.md', () => {
  it('should be every folder at the top, and every room of the worker', () => {
    const missing = [...foldersOf(''), ...foldersOf('worker/')].filter((folder) => !tabled.includes(folder));
    expect(missing).toEqual([]);
  });

  it('should be there', () => {
    expect(tabled.filter((folder) => !isIn(folder))).toEqual([]);
  });

  it('should be named once', () => {
    expect(tabled.filter((folder, place) => tabled.indexOf(folder) !== place)).toEqual([]);
  });
});

describe('the arrows in docs/architecture.md', () => {
  it('should be drawn between rooms of the worker', () => {
    expect(arrows.length).toBeGreaterThan(0);
    const rooms = arrows.flatMap(({ from, to }) => [from, to]).filter((room) => !isIn(`worker/${room}/`));
    expect(rooms).toEqual([]);
  });

  it.each(arrows)('should be allowed by the dependency rules: $from to $to', ({ from, to }) => {
    expect(forbidding(`worker/${from}/some.ts`, `worker/${to}/index.ts`)).toEqual([]);
  });

  it('should be those along which rooms import each other', () => {
    const drawn = new Set(arrows.map(({ from, to }) => `${from} --> ${to}`));
    const found = new Set<string>();
    for (const file of files.filter(
      (name) => /^worker\/\w+\/.*\.ts$/.test(name) && !/\.test\.ts$|\/testing\//.test(name),
    )) {
      const from = file.split('/')[1] ?? '';
      const source = readFileSync(path.join(root, file), 'utf8');
      for (const [, target = ''] of source.matchAll(/(?:from|import\() ?'(\.[^']+)'/g)) {
        const [house, to = '', below] = path.join(path.dirname(file), target).split('/');
        if (house === 'worker' && below !== undefined && to !== from) found.add(`${from} --> ${to}`);
      }
    }
    // leaned on by every room, and left out of the picture
    const everywhere = /--> (?:config|telemetry)$/;
    expect([...found].filter((arrow) => !drawn.has(arrow) && !everywhere.test(arrow)).sort()).toEqual([]);
    expect([...drawn].filter((arrow) => !found.has(arrow)).sort()).toEqual([]);
  });
});
