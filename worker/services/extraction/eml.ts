import type { Address, Email } from 'postal-mime';
import type { Block, DocumentMetadata } from '../document.ts';
import type { Extractor } from './extractor.ts';
import { malformedDocument } from './faults.ts';
import { blocksOf } from './html.ts';
import { isoDate } from './md.ts';
import { readWhole } from './source.ts';
import { cutBlock, tidy } from './text.ts';

/** Parts within parts before a message is taken for an attack. */
const maxNesting = 50;
const maxHeaderBytes = 1024 * 1024;

/** Who wrote to whom, when and about what; then the message; then the names of what is attached. */
export const eml: Extractor = {
  format: 'eml',
  async extract(source, context) {
    const raw = await readWhole(source.bytes, context.limits.fileBytes, 'The e-mail');
    const { default: PostalMime } = await import('postal-mime');
    let mail: Email;
    try {
      mail = await PostalMime.parse(raw, { maxNestingDepth: maxNesting, maxHeadersSize: maxHeaderBytes });
    } catch (cause) {
      throw malformedDocument('eml', cause instanceof Error ? cause.message : String(cause), cause);
    }
    const createdAt = isoDate(mail.date);
    const author = mail.from === undefined ? '' : person(mail.from);
    const metadata: DocumentMetadata = {
      format: 'eml',
      ...(mail.subject ? { title: tidy(mail.subject) } : {}),
      ...(author === '' ? {} : { author }),
      ...(createdAt === undefined ? {} : { createdAt }),
    };
    return { metadata, blocks: blocks(mail, createdAt) };
  },
};

async function* blocks(mail: Email, date: string | undefined): AsyncGenerator<Block> {
  const body = bodyOf(mail);
  const attachments = mail.attachments.map((attachment) => attachment.filename).filter((name) => name);
  if (body.length === 0 && !mail.subject && attachments.length === 0) return;
  if (mail.subject) yield* cutBlock({ kind: 'heading', level: 1, text: tidy(mail.subject) });
  const lines = [
    mail.from === undefined ? '' : `From: ${person(mail.from)}`,
    mail.to?.length ? `To: ${mail.to.map(person).join(', ')}` : '',
    mail.cc?.length ? `Cc: ${mail.cc.map(person).join(', ')}` : '',
    date === undefined ? '' : `Date: ${date}`,
  ].filter((line) => line !== '');
  if (lines.length > 0) yield* cutBlock({ kind: 'text', text: tidy(lines.join('\n')) });
  yield* body;
  if (attachments.length > 0) yield* cutBlock({ kind: 'text', text: tidy(`Attachments: ${attachments.join(', ')}`) });
}

/** The plain text where there is one, else the HTML. */
function bodyOf(mail: Email): Block[] {
  const text = tidy(mail.text ?? '').trim();
  if (text !== '') return [...cutBlock({ kind: 'text', text })];
  return mail.html === undefined ? [] : blocksOf(mail.html, false);
}

function person(address: Address): string {
  if (address.group !== undefined) return `${address.name}: ${address.group.map(person).join(', ')}`;
  if (!address.address) return address.name;
  return address.name === '' ? address.address : `${address.name} <${address.address}>`;
}
