import { local, readXml } from './sax.ts';
import type { ZipFile } from './zip.ts';

/** Heading level (1 to 6) by style id. */
export type HeadingStyles = ReadonlyMap<string, number>;

/** For a numbering id, each level's format: "bullet", "decimal", … */
export type Numbering = ReadonlyMap<string, ReadonlyMap<number, string>>;

/** Which paragraph styles are headings: by outline level, by their built-in name, or by the style they are based on. */
export async function readStyles(zip: ZipFile, name: string): Promise<HeadingStyles> {
  const levels = new Map<string, number>();
  const parents = new Map<string, string>();
  let id = '';
  await readXml(zip, name, {
    open(tag, attributes) {
      const value = attributes['w:val'] ?? '';
      switch (local(tag)) {
        case 'style':
          id = attributes['w:styleId'] ?? '';
          break;
        case 'name': {
          const level = /^heading (\d)$/i.exec(value)?.[1] ?? (/^title$/i.test(value) ? '1' : undefined);
          if (level !== undefined && id !== '') levels.set(id, Math.min(6, Number(level)));
          break;
        }
        case 'basedOn':
          if (id !== '') parents.set(id, value);
          break;
        case 'outlineLvl':
          if (id !== '' && Number(value) < 9) levels.set(id, Math.min(6, Number(value) + 1));
          break;
      }
    },
    close(tag) {
      if (local(tag) === 'style') id = '';
    },
  });
  for (const child of parents.keys()) {
    let at: string | undefined = child;
    for (let step = 0; step < 20 && at !== undefined && !levels.has(at); step += 1) at = parents.get(at);
    const level = at === undefined ? undefined : levels.get(at);
    if (level !== undefined) levels.set(child, level);
  }
  return levels;
}

export async function readNumbering(zip: ZipFile, name: string): Promise<Numbering> {
  const kinds = new Map<string, Map<number, string>>();
  const numbering = new Map<string, ReadonlyMap<number, string>>();
  let abstract: Map<number, string> | undefined;
  let number = '';
  let level = 0;
  await readXml(zip, name, {
    open(tag, attributes) {
      const value = attributes['w:val'] ?? '';
      switch (local(tag)) {
        case 'abstractNum':
          abstract = new Map();
          kinds.set(attributes['w:abstractNumId'] ?? '', abstract);
          break;
        case 'lvl':
          level = Number(attributes['w:ilvl'] ?? 0);
          break;
        case 'numFmt':
          abstract?.set(level, value);
          break;
        case 'num':
          number = attributes['w:numId'] ?? '';
          break;
        case 'abstractNumId':
          numbering.set(number, kinds.get(value) ?? new Map());
          break;
      }
    },
    close(tag) {
      if (local(tag) === 'abstractNum') abstract = undefined;
    },
  });
  return numbering;
}
