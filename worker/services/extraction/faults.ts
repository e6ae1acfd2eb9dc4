/** The sentences that a person reads when a document cannot be indexed. */
import { DocumentError, type DocumentFormat } from '../document.ts';

export function emptyDocument(): DocumentError {
  return new DocumentError({
    code: 'document_empty',
    message: 'The document holds no text.',
    hint: 'Check that the right file was uploaded and that it was saved with its content.',
  });
}

export function encryptedDocument(what: string): DocumentError {
  return new DocumentError({
    code: 'document_encrypted',
    message: `${what} is protected by a password, so its text cannot be read.`,
    hint: 'Remove the protection, save the file and upload it again.',
  });
}

export function scannedDocument(pages: number): DocumentError {
  return new DocumentError({
    code: 'document_scanned',
    message: `The PDF has ${pages} ${pages === 1 ? 'page' : 'pages'} of images and no text: it looks like a scan.`,
    hint: 'Run text recognition (OCR) on it and upload the result.',
  });
}

export function truncatedDocument(what: string): DocumentError {
  return new DocumentError({
    code: 'document_truncated',
    message: `${what} ends before it is complete.`,
    hint: 'The upload or the copy broke off: upload the whole file again.',
  });
}

export function unsupportedDocument(what: string, hint?: string): DocumentError {
  return new DocumentError({
    code: 'document_unsupported',
    message: `${what} cannot be indexed.`,
    hint:
      hint ??
      'Text can be read from TXT, MD, MDX, HTML, XML, CSV, XLSX, DOCX, PPTX, PDF, EPUB, EML, VTT and PROPERTIES.',
  });
}

export function malformedDocument(format: DocumentFormat | 'zip', why: string, cause?: unknown): DocumentError {
  return new DocumentError({
    code: 'document_malformed',
    message: `The file looks like ${format.toUpperCase()}, but cannot be read as such: ${why}.`,
    hint: 'Open it in the program it was made with, save it anew and upload that.',
    cause,
  });
}

export function tooLargeDocument(message: string): DocumentError {
  return new DocumentError({
    code: 'document_too_large',
    message,
    hint: 'Split the document into smaller ones.',
  });
}
