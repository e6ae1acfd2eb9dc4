/** What the start of a text says of its delimiter. */
export interface DelimiterGuess {
  readonly delimiter: string;
  readonly columns: number;
  /** Records looked at. */
  readonly records: number;
  /** Share of them that have the same number of columns. */
  readonly agreement: number;
  /** Mean length of a field, in characters. */
  readonly fieldChars: number;
}

const delimiters = [',', ';', '\t', '|'];
const maxRecords = 50;

/** The delimiter that cuts the most records into the same number (at least two) of columns; undefined when none does. */
export function guessDelimiter(sample: string): DelimiterGuess | undefined {
  let best: DelimiterGuess | undefined;
  for (const delimiter of delimiters) {
    if (!sample.includes(delimiter)) continue;
    const counts = columnCounts(sample, delimiter);
    if (counts.length === 0) continue;
    const columns = mostCommon(counts);
    if (columns < 2) continue;
    const agreement = counts.filter((count) => count === columns).length / counts.length;
    const chars = Math.min(sample.length, 32_768);
    const fieldChars =
      chars /
      Math.max(
        1,
        counts.reduce((sum, count) => sum + count, 0),
      );
    const guess = { delimiter, columns, records: counts.length, agreement, fieldChars };
    if (best === undefined || agreement * columns ** 0.5 > best.agreement * best.columns ** 0.5) best = guess;
  }
  return best;
}

/** Columns of each of the first records; the last one is left out when the sample cuts it. */
function columnCounts(sample: string, delimiter: string): number[] {
  const counts: number[] = [];
  let columns = 1;
  let quoted = false;
  let fieldStart = true;
  let empty = true;
  for (let at = 0; at < sample.length && counts.length < maxRecords; at += 1) {
    const character = sample.charAt(at);
    if (quoted) {
      if (character === '"') {
        if (sample.charAt(at + 1) === '"') at += 1;
        else quoted = false;
      }
      continue;
    }
    if (character === '"' && fieldStart) quoted = true;
    else if (character === delimiter) columns += 1;
    else if (character === '\n') {
      if (!empty) counts.push(columns);
      columns = 1;
      empty = true;
    }
    fieldStart = character === delimiter || character === '\n';
    if (character !== '\n' && character !== '\r') empty = false;
  }
  if (!empty && !quoted && counts.length < maxRecords && !sample.endsWith('\n') && sample.length < 32_768)
    counts.push(columns);
  return counts;
}

function mostCommon(counts: readonly number[]): number {
  const seen = new Map<number, number>();
  for (const count of counts) seen.set(count, (seen.get(count) ?? 0) + 1);
  return [...seen].sort((a, b) => b[1] - a[1] || b[0] - a[0])[0]?.[0] ?? 1;
}
