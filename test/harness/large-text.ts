/** A text as large as uploads may be, different all the way, with one sentence in it that a question can find. */
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { documentsFolder } from '../fixtures/questions.ts';

const pieceChars = 1024 * 1024;
export const needle = 'The lamplighter Ottokar Brandwein hid the sluice key beneath the ninth flagstone.';
export const needleQuestion = 'Where did the lamplighter Ottokar Brandwein hide the sluice key?';

/** Writes sentences of many words, with the needle three quarters in: `bytes` or up to a piece more. */
export async function writeLargeText(path: string, bytes: number): Promise<void> {
  const out = createWriteStream(path, { highWaterMark: pieceChars });
  const prose = await Promise.all(
    ['handbook.md', 'morning-start.txt', 'museum-tour.mdx', 'radio-interview.vtt', 'insurance-claim.eml'].map((name) =>
      readFile(new URL(name, documentsFolder), 'utf8'),
    ),
  );
  const vocabulary = [...new Set(prose.join(' ').match(/[a-z]{2,12}/g))].filter((word) => !needle.includes(word));
  let seed = 20_261_121;
  const random = (below: number) => {
    seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
    return (seed >>> 4) % below;
  };
  let written = 0;
  let hidden = false;
  while (written < bytes) {
    let piece = '';
    while (piece.length < pieceChars) {
      const words = Array.from({ length: 8 + random(12) }, () => vocabulary[random(vocabulary.length)]).join(' ');
      piece += `The ${words}.${random(6) === 0 ? '\n\n' : ' '}`;
    }
    if (!hidden && written > bytes * 0.75) {
      // often enough to be what its segment is about: `economy` keeps the ten most telling words of a segment
      piece += `\n\n${`${needle} `.repeat(8)}\n\n`;
      hidden = true;
    }
    written += piece.length;
    if (!out.write(piece)) await once(out, 'drain');
  }
  out.end();
  await once(out, 'finish');
}
