/** Which text format a text has, by how it starts and how it is marked up. */
import type { DocumentFormat } from '../document.ts';
import { guessDelimiter } from './sniff-csv.ts';

type TextFormat = Extract<DocumentFormat, 'txt' | 'md' | 'mdx' | 'html' | 'xml' | 'csv' | 'eml' | 'vtt' | 'properties'>;

/** From here on, content decides against the name. */
const certain = 0.75;
/** From here on, a format is possible, so that the name may choose it. */
const possible = 0.2;

const byExtension: Record<string, TextFormat> = {
  txt: 'txt',
  text: 'txt',
  log: 'txt',
  md: 'md',
  markdown: 'md',
  mdx: 'mdx',
  htm: 'html',
  html: 'html',
  xhtml: 'html',
  xml: 'xml',
  csv: 'csv',
  tsv: 'csv',
  eml: 'eml',
  vtt: 'vtt',
  properties: 'properties',
};

/** The format of a text by its first characters; `txt` when nothing else fits. */
export function sniffText(sample: string, name: string): TextFormat {
  const text = sample.replace(/^\ufeff/, '');
  const scores: [TextFormat, number][] = [
    ['vtt', /^WEBVTT(?:[ \t\r\n]|$)/.test(text) ? 1 : 0],
    ...markupScores(text),
    ['eml', emailScore(text)],
    ['mdx', mdxScore(text)],
    ['csv', csvScore(text)],
    ['properties', propertiesScore(text)],
    ['md', markdownScore(text)],
  ];
  const named = byExtension[/\.([a-z]+)$/i.exec(name)?.[1]?.toLowerCase() ?? ''];
  const [best, score] = scores.reduce((a, b) => (b[1] > a[1] ? b : a), ['txt', 0] as [TextFormat, number]);
  const own = scores.find(([format]) => format === named)?.[1] ?? 0;
  if (
    named !== undefined &&
    named !== 'txt' &&
    own >= possible &&
    own + 0.5 >= score &&
    !(score === 1 && own < certain)
  )
    return named;
  return score >= certain ? best : 'txt';
}

/** HTML and XML start with a tag; which of the two, the first element says. */
function markupScores(text: string): [TextFormat, number][] {
  const start = text.slice(0, 16_384).replace(/^\s*(?:<!--[\s\S]*?-->\s*)*/, '');
  if (!start.startsWith('<')) return [];
  if (/^<!doctype\s+html/i.test(start)) return [['html', 1]];
  const declared = /^<\?xml\b/.test(start);
  const root = /<([A-Za-z_][\w.:-]*)(?=[\s/>])/.exec(start.replace(/<[?!][^>]*>/g, ''))?.[1]?.toLowerCase();
  if (root === undefined) return declared ? [['xml', 1]] : [];
  if (/^(?:html|head|body|frameset)$/.test(root)) return [['html', 1]];
  if (declared || /^<!doctype/i.test(start)) return [['xml', 1]];
  const tags = start.match(/<\/?[A-Za-z][^<>]*>/g) ?? [];
  if (htmlTags.has(root)) return [['html', tags.length >= 2 ? 0.9 : 0.5]];
  // A component at the start of MDX is closed as an XML element is, but Markdown follows.
  return [['xml', start.includes(`</`) && !/^#{1,6} |^import /m.test(start) ? 0.8 : 0.3]];
}

const htmlTags = new Set(
  'a article aside b blockquote br center code dd div dl dt em figure font footer form h1 h2 h3 h4 h5 h6 header hr i img input label li link main meta nav ol p pre script section small span strong style table tbody td th title tr u ul video'.split(
    ' ',
  ),
);

const mailHeaders =
  /^(?:from|to|cc|subject|date|received|message-id|mime-version|return-path|delivered-to|content-type|reply-to|sender|in-reply-to|references|dkim-signature|x-[\w-]+)$/i;

/** Header lines up to an empty one, of which some must be those of mail. */
function emailScore(text: string): number {
  const lines = text
    .slice(0, 65_536)
    .replace(/^From [^\n]*\n/, '')
    .split(/\r?\n|\r/);
  const seen = new Set<string>();
  let headers = 0;
  for (const line of lines) {
    if (line === '') break;
    if (/^[ \t]/.test(line) && headers > 0) continue;
    const name = /^([!-9;-~]+):/.exec(line)?.[1];
    if (name === undefined) return 0;
    headers += 1;
    if (mailHeaders.test(name)) seen.add(name.toLowerCase());
  }
  if (seen.size < 2) return 0;
  const strong = ['received', 'message-id', 'mime-version', 'return-path', 'delivered-to'].some((name) =>
    seen.has(name),
  );
  if (strong) return 1;
  return seen.has('from') && (seen.has('subject') || seen.has('date') || seen.has('to')) ? 0.9 : 0.3;
}

function csvScore(text: string): number {
  const guess = guessDelimiter(text.slice(0, 32_768));
  if (guess === undefined) return 0;
  // Lines of prose may have a comma each; a table's rows have no sentence ends.
  const prose = (text.slice(0, 8192).match(/[.!?。！？](?:\s|$)/g)?.length ?? 0) / guess.records;
  if (guess.agreement < 0.8 || guess.fieldChars > 200) return guess.agreement >= 0.5 && prose < 0.5 ? 0.3 : 0;
  if (guess.records < 2) return 0.3;
  if (/^\s*[-|:\s]+$/m.test(text.slice(0, 4096)) && guess.delimiter === '|') return 0.2;
  if (guess.columns >= 3) return guess.agreement === 1 && prose < 0.5 ? 0.9 : 0.5;
  if (guess.delimiter === ',' && (guess.records < 3 || prose > 0.2 || guess.fieldChars > 40)) return 0.4;
  return guess.agreement === 1 && guess.records >= 3 ? 0.8 : 0.4;
}

/** Most lines are `key=value` (or `key: value`) with dotted or plain keys. */
function propertiesScore(text: string): number {
  const lines = text
    .slice(0, 32_768)
    .split(/\r?\n|\r/)
    .map((line) => line.trim());
  const content = lines.filter((line) => line !== '' && !/^[#!]/.test(line));
  if (content.length === 0) return 0;
  const equals = content.filter((line) => /^(?:[\w.$-]|\\.)+\s*=/.test(line)).length;
  const colons = content.filter((line) => /^(?:[\w.$-]|\\.)+\s*:/.test(line)).length;
  const share = (equals + colons) / content.length;
  if (share < 0.6) return 0;
  if (equals >= 2 && equals / content.length > 0.8 && !content.some((line) => /^\[.*\]$/.test(line))) return 0.85;
  return 0.4;
}

function count(text: string, pattern: RegExp): number {
  return text.match(pattern)?.length ?? 0;
}

function markdownScore(text: string): number {
  const sample = text.slice(0, 32_768);
  const headings = count(sample, /^ {0,3}#{1,6} +\S/gm) + count(sample, /^\S[^\n]{0,120}\n(?:={3,}|-{3,})[ \t]*$/gm);
  const fences = count(sample, /^ {0,3}(?:```|~~~)/gm);
  const links = count(sample, /\[[^\]\n]{1,200}\]\([^)\s]{1,500}\)/g);
  const tables = count(sample, /^\|?[ \t]*:?-{3,}:?[ \t]*\|[-:| \t]*$/gm);
  const strong = count(sample, /(?:\*\*|__)[^\s*_][^*_\n]{0,200}(?:\*\*|__)/g);
  const lists = count(sample, /^ {0,6}(?:[-*+]|\d{1,3}[.)]) +\S/gm);
  const quotes = count(sample, /^> ?\S/gm);
  const code = count(sample, /`[^`\n]{1,100}`/g);
  const kinds = [headings, fences, links, tables, strong, lists, quotes, code].filter((hits) => hits > 0).length;
  if (kinds === 0) return /\S/.test(sample) ? 0.2 : 0;
  if (headings + fences + links + tables === 0) return kinds > 1 ? 0.5 : 0.3;
  return kinds >= 2 || headings >= 2 ? 0.8 : 0.5;
}

/** Markdown with a module's imports or exports, or with components. */
function mdxScore(text: string): number {
  const sample = text.slice(0, 32_768).replace(/^ {0,3}(```|~~~)[\s\S]*?^ {0,3}\1/gm, '');
  const modules =
    count(sample, /^import\s[^\n]*\bfrom\s*["'][^"'\n]+["']/gm) +
    count(sample, /^export\s+(?:const|default|function)\b/gm);
  const components = count(sample, /<[A-Z][\w.]*(?:\s[^<>]*)?\/?>/g);
  const markup = count(sample, /^#{1,6} +\S|^[-*] +\S|\[[^\]\n]+\]\([^)\n]+\)|\*\*[^*\n]+\*\*/gm);
  if (modules > 0 && components > 0) return markup > 0 ? 0.95 : 0.6;
  if (components > 0 || modules > 0) return markup > 0 ? (components > 0 ? 0.85 : 0.6) : 0.3;
  return 0.2;
}
