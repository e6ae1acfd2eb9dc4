/** What Postgres does not keep in text and `jsonb`, replaced by U+FFFD: U+0000, and halves of surrogate pairs. */

const replacement = '\ufffd';

export const storableText = (text: string): string => text.replaceAll('\u0000', replacement).toWellFormed();

/**
 * The same within JSON text as `JSON.stringify` writes it, where both stand as escapes. A backslash that is itself escaped
 * (`\\u0000` is the text \u0000, six characters) is stepped over.
 */
export const storableJson = (json: string): string =>
  json.replace(/\\(?:u0000|u[dD][89a-fA-F][0-9a-fA-F]{2}|.)/g, (found) =>
    /^\\u[0d]/i.test(found) ? '\\ufffd' : found,
  );
