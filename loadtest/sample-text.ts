/** Documents to index: readable English, each different, of a length asked for. */

export interface NewDocument {
  readonly name: string;
  readonly text: string;
  /** Comes as a file in a form, not as text. */
  readonly file: boolean;
}

const subjects = [
  'The miller',
  'The water wheel',
  'The upper sluice',
  'A grain merchant',
  'The apprentice',
  'The weir',
];
const verbs = ['needs', 'was given', 'holds back', 'asks for', 'delivers', 'has to replace'];
const objects = ['oak planks', 'sacks of rye', 'iron bolts', 'barrels of oil', 'hours of rest', 'feet of water'];
const times = ['before the winter', 'in the dry months', 'every second Monday', 'after the flood', 'until the fair'];

const pick = (words: readonly string[], n: number) => words[n % words.length] ?? '';

/** A sentence that says which document it is of, so that a search for it finds that document. */
export const telltale = (n: number) => `Record ${n + 1} of the mill counts ${1000 + 37 * n} grindstones.`;

/** @param characters roughly; the text ends with a whole sentence */
export function sampleDocument(n: number, characters: number, file = false): NewDocument {
  const parts = [`# Record ${n + 1} of the mill`, '', telltale(n)];
  for (let length = 0, at = n; length < characters; at += 1) {
    const count = 2 + ((at * 7919) % 97);
    const sentence = `${pick(subjects, at)} ${pick(verbs, at * 5 + n)} ${count} ${pick(objects, at * 3 + n)} ${pick(times, at)}.`;
    length += sentence.length + 1;
    parts.push(sentence, ...(at % 8 === 7 ? [''] : []));
  }
  return { name: `record-${n + 1}.${file ? 'md' : 'txt'}`, text: parts.join('\n'), file };
}
