/**
 * Feature hashing for scripts that the embedded model cannot read. Its vocabulary is English: to it every Chinese text is the
 * same one unknown token, so that all of them would lie on one point. Letters of other scripts than the Latin are hashed as
 * characters and pairs of characters instead: two such texts are near when they share wording. (Weinberger et al., Feature Hashing for
 * Large Scale Multitask Learning, 2009.)
 */

/** Shares below this are single foreign names, which the model may as well ignore. */
const leastShare = 0.1;
/** A pair of characters says more than one character. */
const pairWeight = 1;
const singleWeight = 0.3;

export interface UnknownWords {
  /** Share of the text's letters that are not Latin, 0..1. */
  readonly share: number;
  /** Of unit length; all zero when `share` is 0. */
  readonly vector: Float32Array;
}

/** FNV-1a, 32 bit: fixed for ever, since vectors of two releases are compared. */
function hash(feature: string): number {
  let value = 0x811c9dc5;
  for (let i = 0; i < feature.length; i++) {
    value = Math.imul(value ^ feature.charCodeAt(i), 0x01000193);
  }
  // The last bits of FNV mix poorly: fold the upper half in (murmur3's finaliser).
  value = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  value = Math.imul(value ^ (value >>> 13), 0xc2b2ae35);
  return (value ^ (value >>> 16)) >>> 0;
}

export function unknownWords(words: readonly string[], dimensions: number): UnknownWords {
  const counts = new Map<string, number>();
  const add = (feature: string) => counts.set(feature, (counts.get(feature) ?? 0) + 1);
  let letters = 0;
  let unknown = 0;
  for (const word of words) {
    let before: string | undefined;
    for (const symbol of word.toLowerCase()) {
      const isLetter = /\p{L}/u.test(symbol);
      if (isLetter) letters++;
      const isUnknown = isLetter && !/\p{Script=Latin}/u.test(symbol);
      if (isUnknown) {
        unknown++;
        add(symbol);
        if (before !== undefined) add(before + symbol);
      }
      before = isUnknown ? symbol : undefined;
    }
  }
  const vector = new Float32Array(dimensions);
  const share = letters === 0 ? 0 : unknown / letters;
  if (share < leastShare) return { share: 0, vector };
  for (const [feature, count] of counts) {
    const bits = hash(feature);
    const weight = (feature.length > 1 ? pairWeight : singleWeight) * (1 + Math.log(count));
    const slot = (bits >>> 1) % dimensions;
    vector[slot] = (vector[slot] ?? 0) + (bits & 1 ? weight : -weight);
  }
  return { share, vector: unit(vector) };
}

/** Scales to length 1, in place; leaves the zero vector as it is. */
export function unit(vector: Float32Array): Float32Array {
  let squares = 0;
  for (const value of vector) squares += value * value;
  if (squares === 0) return vector;
  const scale = 1 / Math.sqrt(squares);
  for (let i = 0; i < vector.length; i++) vector[i] = (vector[i] ?? 0) * scale;
  return vector;
}
