/** A recording as one SVG: a picture of each moment that differs, shown one after another, again and again. */

export interface Frame {
  /** Seconds from the beginning. */
  readonly at: number;
  readonly lines: readonly string[];
}

export interface Recording {
  readonly title: string;
  /** The command lines, as they were typed. */
  readonly commands: readonly string[];
  readonly columns: number;
  /** The first at 0. */
  readonly frames: readonly Frame[];
  /** How long the last one is shown before it begins anew. */
  readonly lastSeconds: number;
}

const characterWidth = 7.8;
const lineHeight = 18;
const margin = 14;
const barHeight = 26;

const escaped = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');

const lineText = (line: string, row: number): string => {
  const y = barHeight + margin + (row + 0.75) * lineHeight;
  const kind = line.startsWith('$ ') ? ' class="c"' : '';
  return line === '' ? '' : `<text x="${margin}" y="${y}"${kind}>${escaped(line)}</text>`;
};

/** The last frame is what stands there where nothing moves: in print, and in viewers without animation. */
export function svgOf({ title, commands, columns, frames, lastSeconds }: Recording): string {
  const rows = Math.max(...frames.map(({ lines }) => lines.length));
  const width = Math.ceil(columns * characterWidth + 2 * margin);
  const height = barHeight + rows * lineHeight + 2 * margin;
  const seconds = (frames.at(-1)?.at ?? 0) + lastSeconds;
  const percent = (at: number) => `${((at / seconds) * 100).toFixed(2)}%`;
  const visible = (on: boolean) => `{visibility:${on ? 'visible' : 'hidden'}}`;
  const styles = frames.map(({ at }, place) => {
    const next = frames[place + 1];
    const steps = [
      ...(at > 0 ? [`0%${visible(false)}`] : []),
      `${percent(at)}${visible(true)}`,
      ...(next ? [`${percent(next.at)}${visible(false)}`] : []),
    ];
    const base = next ? 'visibility:hidden;' : '';
    return `@keyframes f${place}{${steps.join('')}}#f${place}{${base}animation:f${place} ${seconds.toFixed(1)}s step-end infinite}`;
  });
  const pictures = frames.map(({ lines }, place) => `<g id="f${place}">${lines.map(lineText).join('')}</g>`);
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img">
<title>${escaped(title)}</title>
<desc>
${commands.map((command) => escaped(`$ ${command}`)).join('\n')}
</desc>
<style>text{font:13px ui-monospace,Menlo,Consolas,"DejaVu Sans Mono",monospace;fill:#d7dae0;white-space:pre}.c{fill:#8ec07c}
${styles.join('\n')}
</style>
<rect width="${width}" height="${height}" rx="8" fill="#1d2026"/>
<circle cx="18" cy="14" r="5" fill="#e0645c"/><circle cx="36" cy="14" r="5" fill="#e3b04b"/><circle cx="54" cy="14" r="5" fill="#6fae62"/>
${pictures.join('\n')}
</svg>
`;
}

/** The commands of a recording. */
export const commandsOf = (svg: string): string[] =>
  (/<desc>\n([\s\S]*?)\n<\/desc>/.exec(svg)?.[1] ?? '')
    .split('\n')
    .filter((line) => line.startsWith('$ '))
    .map((line) => line.slice(2).replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&amp;', '&'));
