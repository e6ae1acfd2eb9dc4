import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { anchorsOf, linksOf } from './markdown.ts';
import { markdownPages, root } from './pages-on-disk.ts';

const pages = markdownPages();

/** What is wrong with a link, or undefined. Addresses with a scheme are not followed: tests run without a network. */
function fault(from: string, target: string): string | undefined {
  if (/^[a-z]+:/.test(target)) return undefined;
  const [file = '', anchor] = target.split('#');
  if (file.startsWith('/')) return 'is no relative link';
  const to = file === '' ? from : path.join(path.dirname(from), decodeURIComponent(file));
  if (to.startsWith('..')) return 'leads out of the repository';
  if (!existsSync(path.join(root, to))) return 'leads nowhere';
  if (anchor === undefined || !to.endsWith('.md')) return undefined;
  return anchorsOf(readFileSync(path.join(root, to), 'utf8')).has(anchor) ? undefined : 'names no heading of that page';
}

describe('links in Markdown', () => {
  it.each(pages)('should lead to what is there: $file', ({ file, text }) => {
    const faults = linksOf(text).flatMap(({ target, line }) => {
      const what = fault(file, target);
      return what === undefined ? [] : [`line ${line}: ${target} ${what}`];
    });
    expect(faults).toEqual([]);
  });

  it('should reach every page of the docs from docs/README.md', () => {
    const text = new Map(pages.map((page) => [page.file, page.text]));
    const reached = new Set<string>();
    const waiting = ['docs/README.md'];
    for (let file = waiting.pop(); file !== undefined; file = waiting.pop()) {
      const page = text.get(file);
      if (page === undefined || reached.has(file)) continue;
      reached.add(file);
      for (const { target } of linksOf(page)) {
        if (!/^[a-z]+:|^#/.test(target)) waiting.push(path.join(path.dirname(file), target.split('#')[0] ?? ''));
      }
    }
    const missed = pages.map(({ file }) => file).filter((file) => file.startsWith('docs/') && !reached.has(file));
    expect(missed).toEqual([]);
  });
});

describe('files that pages name in code', () => {
  /** `worker/queues.ts`, `tools/run`, `docs/guides/`: anything that begins as a room of ours. */
  const named = /`((?:worker|test|tools|docs)\/[\w./-]*[\w/])`/g;

  it.each(pages)('should be there: $file', ({ text }) => {
    const missing = [...text.matchAll(named)].flatMap(([, file = '']) =>
      existsSync(path.join(root, file)) ? [] : [file],
    );
    expect(missing).toEqual([]);
  });
});
