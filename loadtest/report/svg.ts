/** Line charts as SVG, without a library: the page must open years later and without a network. */

export interface Line {
  readonly name: string;
  /** In the order of x. */
  readonly points: readonly (readonly [x: number, y: number])[];
  /** Drawn as dashes: what is only there to compare with. */
  readonly dashed?: boolean;
}

export interface Chart {
  readonly title: string;
  readonly xTitle: string;
  readonly yTitle: string;
  readonly lines: readonly Line[];
  /** Marks of the x axis and what stands under them; without: five of equal distance. */
  readonly xMarks?: readonly (readonly [x: number, label: string])[];
  /** Positions of y by logarithm, for times from a millisecond to minutes. */
  readonly logarithmic?: boolean;
  /** Text of a mark of the y axis. */
  readonly yLabel?: (y: number) => string;
}

const width = 720;
const height = 320;
const left = 70;
const right = 20;
const top = 40;
const bottom = 64;
const colours = ['#1f6feb', '#d29922', '#2da44e', '#cf222e', '#8250df'];
const marks = 5;

const escapes: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };
export const escaped = (text: string) => text.replace(/[&<>"]/g, (character) => escapes[character] ?? character);

/** An `svg` element, 720 by 320, with axes, marks and a legend. */
export function chartSvg(chart: Chart): string {
  const points = chart.lines.flatMap((line) => line.points);
  const xs = points.map(([x]) => x);
  const ys = points.map(([, y]) => y);
  const [leastX, mostX] = [Math.min(...xs), Math.max(...xs)];
  const scaleY = chart.logarithmic ? logarithmicScale(ys) : linearScale(ys);
  const x = (value: number) => left + ((value - leastX) / (mostX - leastX || 1)) * (width - left - right);
  const y = (value: number) => height - bottom - scaleY.share(value) * (height - top - bottom);
  const label = chart.yLabel ?? plain;
  const xMarks =
    chart.xMarks ?? Array.from({ length: marks }, (_, n) => mark(leastX + ((mostX - leastX) * n) / (marks - 1)));
  const parts = [
    text(width / 2, 20, chart.title, 'class="title" text-anchor="middle"'),
    ...scaleY.marks.flatMap((value) => [
      `<line class="grid" x1="${left}" x2="${width - right}" y1="${at(y(value))}" y2="${at(y(value))}"/>`,
      text(left - 6, y(value) + 4, label(value), 'text-anchor="end"'),
    ]),
    ...xMarks.map(([value, name]) => text(x(value), height - bottom + 16, name, 'text-anchor="middle"')),
    text((left + width - right) / 2, height - bottom + 34, chart.xTitle, 'text-anchor="middle"'),
    text(
      14,
      (top + height - bottom) / 2,
      chart.yTitle,
      `text-anchor="middle" transform="rotate(-90 14 ${(top + height - bottom) / 2})"`,
    ),
    ...chart.lines.flatMap((line, n) => lineSvg(line, colours[n % colours.length] ?? 'black', x, y)),
    ...chart.lines.flatMap((line, n) => legend(line, colours[n % colours.length] ?? 'black', n, chart.lines.length)),
  ];
  return `<svg viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="${escaped(chart.title)}">${parts.join('')}</svg>`;
}

type Place = (value: number) => number;

function lineSvg({ points, dashed }: Line, colour: string, x: Place, y: Place): string[] {
  if (points.length === 0) return [];
  const path = points.map(([px, py]) => `${at(x(px))},${at(y(py))}`).join(' ');
  const dots =
    points.length > 40
      ? []
      : points.map(([px, py]) => `<circle cx="${at(x(px))}" cy="${at(y(py))}" r="3" fill="${colour}"/>`);
  return [
    `<polyline points="${path}" fill="none" stroke="${colour}" stroke-width="2"${dashed ? ' stroke-dasharray="6 4"' : ''}/>`,
    ...dots,
  ];
}

function legend({ name }: Line, colour: string, n: number, lines: number): string[] {
  const x = left + (n * (width - left - right)) / lines;
  return [
    `<rect x="${at(x)}" y="${height - 18}" width="12" height="12" fill="${colour}"/>`,
    text(x + 18, height - 8, name, ''),
  ];
}

interface Scale {
  readonly marks: readonly number[];
  /** Where a value stands between the axis's ends, 0 to 1. */
  share(value: number): number;
}

function linearScale(values: readonly number[]): Scale {
  const most = niceCeiling(Math.max(...values, 0));
  return { marks: Array.from({ length: marks }, (_, n) => (most * n) / (marks - 1)), share: (value) => value / most };
}

/** What is less than a tenth of a millisecond stands at the foot of the chart. */
const leastShown = 0.1;

function logarithmicScale(values: readonly number[]): Scale {
  const logarithm = (value: number) => Math.log10(Math.max(leastShown, value));
  const foot = Math.floor(logarithm(Math.min(...values)));
  const head = Math.max(foot + 1, Math.ceil(logarithm(Math.max(...values))));
  return {
    marks: Array.from({ length: head - foot + 1 }, (_, n) => 10 ** (foot + n)),
    share: (value) => (logarithm(value) - foot) / (head - foot),
  };
}

/** The next of 1, 2, 4, 5, 8 and 10 with noughts. */
function niceCeiling(value: number): number {
  if (value <= 0) return 1;
  const unit = 10 ** Math.floor(Math.log10(value));
  return ([1, 2, 4, 5, 8, 10].find((step) => step * unit >= value) ?? 10) * unit;
}

const at = (coordinate: number) => coordinate.toFixed(1);
const plain = (value: number) => String(Number(value.toPrecision(3)));
const mark = (value: number) => [value, plain(value)] as const;
const text = (x: number, y: number, content: string, attributes: string) =>
  `<text x="${at(x)}" y="${at(y)}" ${attributes}>${escaped(content)}</text>`;
