import { collapse, tidy } from './text.ts';

/** PDFium marks a word that is broken at a line's end by U+FFFE, older ones by U+0002. */
const brokenWord = new RegExp(`[${String.fromCharCode(2)}\ufffe](?:\r\n|\r|\n)?`, 'g');

/** A page's text as PDFium gives it, made plain: a word broken at a line's end is whole again, no empty lines. */
export function textOfPage(raw: string): string {
  const whole = raw.replace(brokenWord, '');
  return tidy(whole)
    .replace(/[ \t]+$/gm, '')
    .replace(/\n{3,}/g, '\n\n')
    .trim();
}

/** A PDF date, "D:20240131120000+01'00'" (ISO 32000-1, 7.9.4), as ISO 8601. */
export function pdfDate(text: string): string | undefined {
  const parts = /^(?:D:)?(\d{4})(\d\d)?(\d\d)?(\d\d)?(\d\d)?(\d\d)?\s*(?:([+-])(\d\d)'?(\d\d)?|Z)?/.exec(
    collapse(text),
  );
  if (parts === null) return undefined;
  const [
    ,
    year,
    month = '01',
    day = '01',
    hour = '00',
    minute = '00',
    second = '00',
    sign,
    zoneHours,
    zoneMinutes = '00',
  ] = parts;
  const zone = sign === undefined ? 'Z' : `${sign}${zoneHours}:${zoneMinutes}`;
  const at = new Date(`${year}-${month}-${day}T${hour}:${minute}:${second}${zone}`);
  return Number.isNaN(at.getTime()) ? undefined : at.toISOString();
}
