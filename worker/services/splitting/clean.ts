/** The cleaning rules of Dify's CleanProcessor. */
import type { PreProcessingRule } from './process-rule.ts';

export interface Cleaning {
  readonly removeExtraSpaces: boolean;
  readonly removeUrlsEmails: boolean;
}

/** Which cleaning the enabled rules ask for. */
export function cleaningOf(rules: readonly PreProcessingRule[]): Cleaning {
  const enabled = new Set(rules.filter((rule) => rule.enabled).map((rule) => rule.id));
  return {
    removeExtraSpaces: enabled.has('remove_extra_spaces'),
    removeUrlsEmails: enabled.has('remove_urls_emails'),
  };
}

/**
 * Removes what is never text: control characters, noncharacters, and the bars of `<|` and `|>`, with which prompts mark
 * their parts. Vertical tab and form feed become line ends and lone surrogates U+FFFD, so that no two words grow together.
 *
 * Dify also drops the letters U+00EF, U+00BF and U+00BE, taking them for the bytes of U+FFFE; "naïve" keeps its ï here.
 */
export function removeInvalid(text: string): string {
  return text.toWellFormed().replace(invalid, (found) => {
    if (found === '<|') return '<';
    if (found === '|>') return '>';
    return found === '\u000b' || found === '\u000c' ? '\n' : '';
  });
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for.
const invalid = /<\||\|>|[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f\ufffe\uffff]/g;

/** Cleans one window of text. `code` keeps its spaces, because they are its structure. */
export function clean(text: string, cleaning: Cleaning, code: boolean): string {
  let cleaned = removeInvalid(text);
  if (cleaning.removeUrlsEmails) cleaned = removeUrlsAndEmails(cleaned);
  if (cleaning.removeExtraSpaces && !code) cleaned = removeExtraSpaces(cleaned);
  return cleaned;
}

function removeExtraSpaces(text: string): string {
  return text
    .replace(/\n{3,}/g, '\n\n')
    .replace(/[\t\f\r \u00a0\u1680\u180e\u2000-\u200a\u202f\u205f\u3000]{2,}/g, ' ');
}

/**
 * A Markdown link's or image's target, a URL, or an e-mail address, in that order of preference.
 *
 * An address's local part has at most 64 characters (RFC 5321), which keeps matching linear on hostile text. A URL ends
 * before CJK characters too: text without spaces would otherwise be lost with the URL that it follows.
 */
const url = String.raw`https?:\/\/[^\s)\u3000-\u30ff\u3400-\u9fff\uac00-\ud7af\uff00-\uffef]+`;
const email = String.raw`(?<![\w.+-])[\w.+-]{1,64}@[a-zA-Z0-9-]{1,255}\.[a-zA-Z0-9.-]{0,254}[a-zA-Z0-9-]`;
const target = String.raw`(?<target>\]\(https?:\/\/[^\s)]+)`;
const urlOrEmail = new RegExp(`${target}|${url}|${email}`, 'g');

/** Removes e-mail addresses and URLs, but not the target of a Markdown link or image. */
function removeUrlsAndEmails(text: string): string {
  if (!text.includes('@') && !text.includes('://')) return text;
  return text.replace(urlOrEmail, (_found, kept: string | undefined) => kept ?? '');
}
