/** Opaque cursors of lists by name: where a page ended. */
import { cursorInvalid } from './cursor.ts';

export const cursorText = (name: string): string => Buffer.from(name).toString('base64url');

/** @throws ApiError `cursor_invalid` */
export function nameOfCursor(text: string): string {
  const name = Buffer.from(text, 'base64url').toString('utf8');
  if (name === '' || cursorText(name) !== text || /\p{Cc}/u.test(name)) throw cursorInvalid();
  return name;
}
