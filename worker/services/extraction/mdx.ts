import type { Extractor } from './extractor.ts';
import { extractMarkdown } from './md.ts';

/** Markdown with components: imports, exports, tags and expressions go, their text stays. */
export const mdx: Extractor = {
  format: 'mdx',
  extract: (source) => extractMarkdown('mdx', source, stripMdx),
};

/** The text of MDX outside of code. */
export function stripMdx(text: string): string {
  return stripJsx(
    text.replace(/^(?:import|export)\s(?:[^\n]*(?:\n(?!\s*\n)|$))*/gm, (statement) =>
      isModuleLine(statement) ? '' : statement,
    ),
  );
}

/** An import or export of a module, and not a sentence that starts with the word. */
function isModuleLine(statement: string): boolean {
  return (
    (/^import\s+(?:["']|[\w*{][^\n]*)/.test(statement) && /(?:\bfrom\s*["']|^import\s*["'])/.test(statement)) ||
    /^export\s+(?:default|const|let|var|function|async|class|\{|\*)/.test(statement)
  );
}

/** Takes tags and `{…}` out; what stands in inline code stays as it is. */
function stripJsx(text: string): string {
  if (!/[<{]/.test(text)) return text;
  let out = '';
  for (let at = 0; at < text.length; ) {
    const character = text.charAt(at);
    if (character === '\\' && at + 1 < text.length) {
      out += text.slice(at, at + 2);
      at += 2;
    } else if (character === '`') {
      const ticks = /^`+/.exec(text.slice(at, at + 32))?.[0] ?? '`';
      const end = text.indexOf(ticks, at + ticks.length);
      const stop = end < 0 ? at + ticks.length : end + ticks.length;
      out += text.slice(at, stop);
      at = stop;
    } else if (character === '{') {
      const end = closing(text, at);
      if (end < 0) out += character;
      at = end < 0 ? at + 1 : end;
    } else if (character === '<' && /[A-Za-z/>!]/.test(text.charAt(at + 1))) {
      const end = tagEnd(text, at);
      if (end < 0) out += character;
      at = end < 0 ? at + 1 : end;
    } else {
      out += character;
      at += 1;
    }
  }
  return out.replace(/^[ \t]+$/gm, '').replace(/\n{3,}/g, '\n\n');
}

/** Farthest end of a tag or an expression that is looked for, in characters: keeps hostile text linear. */
const maxSpan = 20_000;

/** The index after the brace that closes the one at `open`, or -1. */
function closing(text: string, open: number): number {
  let depth = 0;
  const last = Math.min(text.length, open + maxSpan);
  for (let at = open; at < last; at += 1) {
    const character = text.charAt(at);
    if (character === '{') depth += 1;
    else if (character === '}') {
      depth -= 1;
      if (depth === 0) return at + 1;
    }
  }
  return -1;
}

/** The index after the > of the tag at `open`, past quoted values and `{…}`, or -1. */
function tagEnd(text: string, open: number): number {
  if (text.startsWith('<!--', open)) {
    const end = text.indexOf('-->', open);
    return end < 0 ? -1 : end + 3;
  }
  const last = Math.min(text.length, open + maxSpan);
  for (let at = open + 1; at < last; at += 1) {
    const character = text.charAt(at);
    if (character === '>') return at + 1;
    if (character === '"' || character === "'") {
      const end = text.indexOf(character, at + 1);
      if (end < 0 || end > last) return -1;
      at = end;
    } else if (character === '{') {
      const end = closing(text, at);
      if (end < 0) return -1;
      at = end - 1;
    }
  }
  return -1;
}
