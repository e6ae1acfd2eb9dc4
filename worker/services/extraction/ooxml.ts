/** What DOCX, XLSX and PPTX share: parts that relate to parts, and core properties. */
import path from 'node:path/posix';
import type { DocumentFormat, DocumentMetadata } from '../document.ts';
import type { ExtractContext, ExtractSource } from './extractor.ts';
import { encryptedDocument, malformedDocument } from './faults.ts';
import { isoDate } from './md.ts';
import { local, readXml } from './sax.ts';
import { readWhole } from './source.ts';
import { collapse } from './text.ts';
import { ZipFile } from './zip.ts';

export interface Relation {
  readonly id: string;
  /** The last part of its type's URI: "slide", "styles". */
  readonly type: string;
  /** Name of the part it points to. */
  readonly target: string;
}

export interface OfficeFile {
  readonly zip: ZipFile;
  /** Name of the main part. */
  readonly main: string;
  /** Relations of the main part. */
  readonly relations: readonly Relation[];
  readonly metadata: DocumentMetadata;
}

/** Opens an office file and finds its main part and properties. */
export async function openOffice(
  format: DocumentFormat,
  source: ExtractSource,
  context: ExtractContext,
): Promise<OfficeFile> {
  const what = `The ${format.toUpperCase()} file`;
  const zip = new ZipFile(await readWhole(source.bytes, context.limits.fileBytes, what), context.limits.inflatedBytes);
  if (zip.encrypted) throw encryptedDocument(what);
  const roots = await relationsOf(zip, '');
  const main = roots.find((relation) => relation.type === 'officeDocument')?.target;
  if (main === undefined || !zip.has(main)) throw malformedDocument(format, 'its main part is missing');
  const core = roots.find((relation) => relation.type === 'core-properties')?.target;
  return {
    zip,
    main,
    relations: await relationsOf(zip, main),
    metadata: { format, ...(core === undefined ? {} : await coreProperties(zip, core)) },
  };
}

/** The relations of a part ('' for the package), their targets as part names; those that point outside are left out. */
export async function relationsOf(zip: ZipFile, part: string): Promise<Relation[]> {
  const folder = part === '' ? '' : path.dirname(part);
  const name = path.join(folder, '_rels', `${path.basename(part)}.rels`);
  const relations: Relation[] = [];
  await readXml(zip, name, {
    open(tag, attributes) {
      if (local(tag) !== 'Relationship' || attributes.TargetMode === 'External') return;
      const target = attributes.Target ?? '';
      relations.push({
        id: attributes.Id ?? '',
        type: (attributes.Type ?? '').split('/').at(-1) ?? '',
        target: target.startsWith('/') ? target.slice(1) : path.join(folder, target),
      });
    },
  });
  return relations;
}

async function coreProperties(zip: ZipFile, name: string): Promise<Partial<DocumentMetadata>> {
  const found = new Map<string, string>();
  let current = '';
  await readXml(zip, name, {
    open(tag) {
      current = local(tag);
    },
    close() {
      current = '';
    },
    text(data) {
      if (current !== '') found.set(current, (found.get(current) ?? '') + data.slice(0, 2000));
    },
  });
  const title = collapse(found.get('title') ?? '');
  const author = collapse(found.get('creator') ?? '');
  const createdAt = isoDate(found.get('created'));
  const modifiedAt = isoDate(found.get('modified'));
  return {
    ...(title === '' ? {} : { title }),
    ...(author === '' ? {} : { author }),
    ...(createdAt === undefined ? {} : { createdAt }),
    ...(modifiedAt === undefined ? {} : { modifiedAt }),
  };
}
