/**
 * Cutting a text into windows for the embedded model. The model reads 128 tokens and silently ignores what follows, so a
 * longer text is embedded as several windows whose vectors are averaged.
 */

/** Tokens that the model reads of one input. Measured: what stands behind the 128th changes nothing. */
export const windowTokens = 128;
/**
 * Windows of one text: about 1,000 tokens, 4,000 characters of English. What follows is left out; a segment of that length
 * should have been split. Part of the model's meaning: another number gives other vectors and needs another model name.
 */
export const maxWindows = 8;
/** The tokeniser's time grows with the square of an unbroken run, so longer words are cut. */
const maxWordChars = 100;
/** More characters than `maxWindows` can hold are not looked at. */
const maxTextChars = 16_384;

/** The words of a text as the tokeniser wants them: one kind of white space, no control characters, bounded. */
export function words(text: string): string[] {
  const clean = text.slice(0, maxTextChars).normalize('NFKC').toWellFormed();
  const found: string[] = [];
  for (const word of clean.split(/[\s\p{Cc}\p{Cf}]+/u)) {
    const symbols = word.length > maxWordChars ? Array.from(word) : undefined;
    if (symbols) {
      for (let i = 0; i < symbols.length; i += maxWordChars) found.push(symbols.slice(i, i + maxWordChars).join(''));
    } else if (word !== '') found.push(word);
  }
  return found;
}

/**
 * Cuts runs of tokens (one a word) into the fewest windows of at most `windowTokens`, about equal in length, never inside a
 * word. No word has more tokens than a window: `words` cuts them. Returns at least one window, empty when there are no tokens.
 */
export function windowsOf(wordTokens: readonly (readonly number[])[]): number[][] {
  let total = 0;
  const kept: (readonly number[])[] = [];
  for (const tokens of wordTokens) {
    if (total + tokens.length > windowTokens * maxWindows) break;
    total += tokens.length;
    kept.push(tokens);
  }
  const count = Math.max(1, Math.ceil(total / windowTokens));
  const target = Math.ceil(total / count);
  const windows: number[][] = [];
  let current: number[] = [];
  for (const tokens of kept) {
    const full = current.length + tokens.length > windowTokens;
    // A word that begins behind the target starts the next window, unless this is the last one.
    if (current.length > 0 && (full || (current.length >= target && windows.length + 1 < count))) {
      windows.push(current);
      current = [];
    }
    current.push(...tokens);
  }
  windows.push(current);
  return windows.slice(0, maxWindows);
}
