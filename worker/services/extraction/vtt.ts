import { type Block, maxBlockChars } from '../document.ts';
import type { Extractor } from './extractor.ts';
import { lineBatches } from './lines.ts';
import { collapse, cutBlock } from './text.ts';
import { textOf } from './txt.ts';

/** What one speaker says in a row is one block, up to this length. */
const turnChars = 4_000;

/** What is said, with who says it; times, styles and notes are left out. */
export const vtt: Extractor = {
  format: 'vtt',
  async extract(source) {
    async function* blocks(): AsyncGenerator<Block> {
      const turns = new Turns();
      for await (const lines of lineBatches(textOf(source))) {
        for (const line of lines) yield* turns.line(line.replace(/\n$/, ''));
      }
      yield* turns.end();
    }
    return {
      metadata: { format: 'vtt', ...(source.encoding === undefined ? {} : { encoding: source.encoding.encoding }) },
      blocks: blocks(),
    };
  },
};

class Turns {
  #inCue = false;
  #cue = '';
  #speaker = '';
  #said = '';

  *line(line: string): Generator<Block> {
    if (line.trim() === '') {
      yield* this.#endCue();
      this.#inCue = false;
    } else if (/^\s*(?:\d{2,}:)?\d{2}:\d{2}\.\d{3}\s+-->/.test(line)) {
      yield* this.#endCue();
      this.#inCue = true;
    } else if (this.#inCue) {
      this.#cue += this.#cue === '' ? line : `\n${line}`;
      if (this.#cue.length > maxBlockChars) yield* this.#endCue();
    }
  }

  *end(): Generator<Block> {
    yield* this.#endCue();
    yield* this.#endTurn();
  }

  /** A cue may hold several voices, each opened by `<v Name>`. */
  *#endCue(): Generator<Block> {
    const cue = this.#cue;
    this.#cue = '';
    if (cue === '') return;
    const parts = cue.split(/<v(?:\.[^\s>]*)?[ \t]+([^>]*)>/);
    yield* this.#say(parts.length > 1 && (parts[0] ?? '').trim() === '' ? undefined : '', parts[0] ?? '');
    for (let at = 1; at < parts.length; at += 2) yield* this.#say(parts[at]?.trim() ?? '', parts[at + 1] ?? '');
  }

  *#say(speaker: string | undefined, marked: string): Generator<Block> {
    const text = collapse(unescaped(marked.replace(/<[^>]*>/g, '')));
    if (text === '' || speaker === undefined) return;
    if (speaker !== this.#speaker || this.#said.length > turnChars) yield* this.#endTurn();
    this.#speaker = speaker;
    this.#said += this.#said === '' ? text : ` ${text}`;
  }

  *#endTurn(): Generator<Block> {
    const said = this.#said;
    this.#said = '';
    if (said !== '') yield* cutBlock({ kind: 'text', text: this.#speaker === '' ? said : `${this.#speaker}: ${said}` });
  }
}

function unescaped(text: string): string {
  return text
    .replace(/&lt;/g, '<')
    .replace(/&gt;/g, '>')
    .replace(/&nbsp;/g, ' ')
    .replace(/&(?:lrm|rlm);/g, '')
    .replace(/&amp;/g, '&');
}
