/** Markdown as the generated pages and the checks of the docs need it. */

/** A cell's text: pipes would end the cell, line ends the table. */
const cell = (text: string) => text.replaceAll('|', '\\|').replaceAll(/\s*\n\s*/g, ' ');

/** A table; rows are as long as the head. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.map(cell).join(' | ')} |`;
  return [line(head), `| ${head.map(() => '---').join(' | ')} |`, ...rows.map(line)].join('\n');
}

export const code = (text: string) => `\`${text}\``;

/** The anchor that a heading gets, as GitHub makes it. */
export function anchorOf(heading: string): string {
  return heading
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
    .trim()
    .replaceAll(/\s/g, '-');
}

export interface Fence {
  /** The word after the backticks: `sh`, `ts`; empty when there is none. */
  readonly language: string;
  readonly text: string;
  /** Of the opening line, from 1. */
  readonly line: number;
}

/** The fenced blocks of a page, in order. */
export function fencesOf(markdown: string): Fence[] {
  const fences: Fence[] = [];
  let open: { language: string; line: number; lines: string[] } | undefined;
  for (const [index, line] of markdown.split('\n').entries()) {
    const mark = /^```(\w*)\s*$/.exec(line);
    if (!mark) open?.lines.push(line);
    else if (open) {
      fences.push({ language: open.language, line: open.line, text: open.lines.join('\n') });
      open = undefined;
    } else open = { language: mark[1] ?? '', line: index + 1, lines: [] };
  }
  return fences;
}

/** A page without its fenced blocks and code spans, line by line as before. */
export function proseOf(markdown: string): string {
  let fenced = false;
  return markdown
    .split('\n')
    .map((line) => {
      if (/^```/.test(line)) {
        fenced = !fenced;
        return '';
      }
      return fenced ? '' : line.replaceAll(/`[^`]*`/g, (span) => ' '.repeat(span.length));
    })
    .join('\n');
}

export interface Link {
  readonly target: string;
  /** From 1. */
  readonly line: number;
}

/** Where the links and pictures of a page lead. */
export function linksOf(markdown: string): Link[] {
  return proseOf(markdown)
    .split('\n')
    .flatMap((text, index) =>
      [...text.matchAll(/\]\(([^)\s]+)\)/g)].map(([, target = '']) => ({ target, line: index + 1 })),
    );
}

/** The anchors of a page's headings; a heading that comes again is numbered. */
export function anchorsOf(markdown: string): Set<string> {
  const seen = new Map<string, number>();
  let fenced = false;
  for (const line of markdown.split('\n')) {
    if (/^```/.test(line)) fenced = !fenced;
    const heading = fenced ? undefined : /^#{1,6} +(.+?) *$/.exec(line)?.[1];
    if (heading === undefined) continue;
    const anchor = anchorOf(heading.replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1'));
    seen.set(anchor, (seen.get(anchor) ?? 0) + 1);
  }
  return new Set(
    [...seen].flatMap(([anchor, times]) => [
      anchor,
      ...Array.from({ length: times - 1 }, (_, n) => `${anchor}-${n + 1}`),
    ]),
  );
}
