/** What a character is to the pre-tokenizer of cl100k_base, looked up instead of matched. */

export const other = 0;
export const letter = 1;
export const digit = 2;
/** White space but \n and \r. */
export const blank = 3;
/** \n and \r. */
export const lineEnd = 4;

function classify(character: string): number {
  if (/\p{L}/u.test(character)) return letter;
  if (/\p{N}/u.test(character)) return digit;
  if (/[\r\n]/.test(character)) return lineEnd;
  return /\s/u.test(character) ? blank : other;
}

/** Classes of the Basic Multilingual Plane by code unit. Surrogates are `other` here; see `astralClass`. */
export const classOf: Uint8Array = Uint8Array.from({ length: 65_536 }, (_, unit) =>
  unit >= 0xd800 && unit <= 0xdfff ? other : classify(String.fromCharCode(unit)),
);

/** True of the first half of a surrogate pair. */
export function isHigh(unit: number): boolean {
  return unit >= 0xd800 && unit <= 0xdbff;
}

/** True of the second half of a surrogate pair. */
export function isLow(unit: number): boolean {
  return unit >= 0xdc00 && unit <= 0xdfff;
}

/** Classes of the other planes plus one, by code point less 0x10000; 0 where not looked up yet. */
const astralClasses = new Uint8Array(0x10_0000);

/** The class of the surrogate pair at an offset. */
export function astralClass(text: string, at: number): number {
  const index = (text.codePointAt(at) ?? 0x1_0000) - 0x1_0000;
  const known = astralClasses[index];
  if (known) return known - 1;
  const found = classify(text.slice(at, at + 2));
  astralClasses[index] = found + 1;
  return found;
}
