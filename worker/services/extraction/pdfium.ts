/** PDFium in WebAssembly, by its C interface: the wrapper's own classes know neither metadata nor what a page draws. */

import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { PDFiumModule } from '@hyzyla/pdfium';

type Vendor = Awaited<ReturnType<typeof PDFiumModule>>;

/** FPDF_ERR_PASSWORD and FPDF_ERR_SECURITY of fpdfview.h. */
const passwordErrors = new Set([4, 5]);
/** FPDF_PAGEOBJ_PATH, _IMAGE, _SHADING and _FORM of fpdf_edit.h: marks on paper that are no text. */
const drawnTypes = new Set([2, 3, 4, 5]);
/** Objects of a page without text that are looked at for marks. */
const maxObjects = 50;
const maxMetaBytes = 4_096;
const cacheKey = 'pdfium';
const utf16 = new TextDecoder('utf-16le');

export interface PdfPage {
  readonly text: string;
  /** True when the page shows something besides text. Only looked at when there is no text. */
  readonly drawn: boolean;
}

/** What the library exports besides the functions that its types name. */
interface MoreExports {
  FPDF_GetMetaText(document: number, tag: number, buffer: number, bytes: number): number;
}

export class Pdfium {
  readonly module: Vendor;

  private constructor(module: Vendor) {
    this.module = module;
  }

  /** The one instance of a process: compiling it takes longer than most documents. */
  static async shared(cache: Map<string, unknown>): Promise<Pdfium> {
    const kept = cache.get(cacheKey);
    if (kept instanceof Pdfium) return kept;
    const binary = await readFile(createRequire(import.meta.url).resolve('@hyzyla/pdfium/pdfium.wasm'));
    const wasmBinary = binary.buffer.slice(binary.byteOffset, binary.byteOffset + binary.byteLength);
    const module = await PDFiumModule({ wasmBinary });
    module._FPDF_InitLibraryWithConfig({
      version: 2,
      m_pUserFontPaths: null,
      m_pIsolate: null,
      m_v8EmbedderSlot: 0,
      m_pPlatform: null,
    });
    const made = new Pdfium(module);
    cache.set(cacheKey, made);
    return made;
  }

  /** Opens a file; says why when it cannot. */
  open(bytes: Uint8Array): PdfFile | 'password' | 'damaged' {
    const { module } = this;
    const pointer = module.wasmExports.malloc(bytes.byteLength);
    module.HEAPU8.set(bytes, pointer);
    const handle = module._FPDF_LoadMemDocument(pointer, bytes.byteLength, 0);
    if (handle === 0) {
      const error = module._FPDF_GetLastError();
      module.wasmExports.free(pointer);
      return passwordErrors.has(error) ? 'password' : 'damaged';
    }
    return new PdfFile(module, handle, pointer);
  }
}

export class PdfFile {
  readonly pages: number;
  readonly #module: Vendor;
  readonly #handle: number;
  readonly #pointer: number;

  constructor(module: Vendor, handle: number, pointer: number) {
    this.#module = module;
    this.#handle = handle;
    this.#pointer = pointer;
    this.pages = module._FPDF_GetPageCount(handle);
  }

  close(): void {
    this.#module._FPDF_CloseDocument(this.#handle);
    this.#module.wasmExports.free(this.#pointer);
  }

  /** A page by its index from 0. A page that cannot be loaded is blank, as viewers show it. */
  page(index: number): PdfPage {
    const module = this.#module;
    const page = module._FPDF_LoadPage(this.#handle, index);
    if (page === 0) return { text: '', drawn: false };
    try {
      const text = this.#text(page);
      return { text, drawn: text.trim() === '' && this.#drawn(page) };
    } finally {
      module._FPDF_ClosePage(page);
    }
  }

  /** A field of the document's information dictionary; '' when it has none. */
  meta(tag: string): string {
    const { malloc, free } = this.#module.wasmExports;
    // The library's types list a part of its exports.
    const more = this.#module.wasmExports as unknown as Partial<MoreExports>;
    if (more.FPDF_GetMetaText === undefined) return '';
    const name = Buffer.from(`${tag}\0`, 'latin1');
    const buffer = malloc(maxMetaBytes + name.byteLength);
    try {
      this.#module.HEAPU8.set(name, buffer + maxMetaBytes);
      const bytes = more.FPDF_GetMetaText(this.#handle, buffer + maxMetaBytes, buffer, maxMetaBytes);
      if (bytes <= 2 || bytes > maxMetaBytes) return '';
      return utf16
        .decode(this.#module.HEAPU8.subarray(buffer, buffer + bytes - 2))
        .replace(/\p{Cc}+/gu, ' ')
        .trim();
    } finally {
      free(buffer);
    }
  }

  #text(page: number): string {
    const module = this.#module;
    const textPage = module._FPDFText_LoadPage(page);
    if (textPage === 0) return '';
    try {
      const chars = module._FPDFText_CountChars(textPage);
      if (chars <= 0) return '';
      const buffer = module.wasmExports.malloc((chars + 1) * 2);
      try {
        const written = module._FPDFText_GetText(textPage, 0, chars, buffer);
        return written <= 1 ? '' : utf16.decode(module.HEAPU8.subarray(buffer, buffer + (written - 1) * 2));
      } finally {
        module.wasmExports.free(buffer);
      }
    } finally {
      module._FPDFText_ClosePage(textPage);
    }
  }

  #drawn(page: number): boolean {
    const module = this.#module;
    const objects = Math.min(maxObjects, module._FPDFPage_CountObjects(page));
    for (let at = 0; at < objects; at += 1) {
      const object = module._FPDFPage_GetObject(page, at);
      if (object !== 0 && drawnTypes.has(module._FPDFPageObj_GetType(object))) return true;
    }
    return false;
  }
}
