/** The room's face: a document's bytes in, its metadata and segments out, parsed in a child process that is bounded. */
import { availableParallelism } from 'node:os';
import type { Readable } from 'node:stream';
import { MillraceError } from '../../errors.ts';
import { BoundError, ChildError } from '../bounded-child/errors.ts';
import { ChildPool } from '../bounded-child/pool.ts';
import { DocumentError } from '../document.ts';
import type { ProcessRule } from '../splitting/process-rule.ts';
import type { ParseArgument, ParseEvent } from './events.ts';
import {
  defaultParseLimits,
  defaultPool,
  defaultSharing,
  type ParseLimits,
  parseHeapMib,
  type SharingLimits,
} from './limits.ts';
import { runShared, type SharingOptions } from './shared-job.ts';

export type { ParseEvent } from './events.ts';

export interface ParseRequest {
  /** Opens the document; called when a child is free, and again for each child that helps with its pages. */
  readonly source: () => Promise<Readable> | Readable;
  /** The file's name; only a hint. */
  readonly name: string;
  readonly rule: ProcessRule;
  readonly limits?: ParseLimits;
  readonly signal?: AbortSignal;
  /** Leaves out the first segments: a caller that has stored them goes on where it stopped. */
  readonly skipSegments?: number;
  /** ISO 639-1 code, where it is known. */
  readonly language?: string;
  /** Hears the most memory that a child had, in bytes. */
  readonly onPeak?: (rssBytes: number) => void;
}

export interface ParserOptions {
  /** Documents at a time, each in a child of its own. */
  readonly size?: number;
  /** An idle child is ended after this long, in ms. */
  readonly idleMs?: number;
  /** Children that may help with the pages of one document; by default as many as there are, and cores for. */
  readonly helpers?: number;
  readonly sharing?: Partial<SharingLimits>;
}

/** Parses documents in warm child processes. One a process; `close` ends the children. */
export class DocumentParser {
  readonly #pool: ChildPool;
  readonly #sharing: SharingOptions;

  constructor({ size = defaultPool.size, idleMs = defaultPool.idleMs, helpers, sharing }: ParserOptions = {}) {
    const others = Math.min(size, helpers === undefined ? availableParallelism() : helpers + 1) - 1;
    this.#sharing = { ...defaultSharing, ...sharing, helpers: others };
    this.#pool = new ChildPool({
      ...defaultPool,
      size,
      idleMs,
      module: new URL('./child.ts', import.meta.url),
      heapMib: parseHeapMib,
    });
  }

  /** Children alive: busy and idle. */
  get children(): number {
    return this.#pool.children;
  }

  /** Starts a child ahead of the first document. */
  warm(): void {
    this.#pool.warm();
  }

  /**
   * Parses one document. A slow reader slows the child down; leaving the loop before `done` ends it.
   *
   * @throws DocumentError when the document cannot be indexed; BoundError `child_source_stalled` or `child_not_started`
   * and CrashError, after which another try may do better; the source's own error; the signal's reason.
   */
  async *parse(request: ParseRequest): AsyncGenerator<ParseEvent, void, undefined> {
    const { name, rule, signal, language, limits = defaultParseLimits, skipSegments = 0 } = request;
    const argument: ParseArgument = {
      name,
      rule,
      limits: limits.extract,
      skipSegments,
      ...(language === undefined ? {} : { language }),
      ...(this.#sharing.helpers > 0 ? { sharePages: this.#sharing.minPages } : {}),
    };
    try {
      const values = runShared(
        this.#pool,
        { source: request.source, argument, limits, ...(signal === undefined ? {} : { signal }) },
        this.#sharing,
        request.onPeak,
      );
      // Held back until the child is free again: a reader leaves the loop at the totals, which would end the child.
      let totals: ParseEvent | undefined;
      for await (const value of values) {
        // The values are those that `child.ts` yields.
        const event = value as ParseEvent;
        if (event.type === 'done') totals = event;
        else yield event;
      }
      if (totals !== undefined) yield totals;
    } catch (error) {
      throw asDocumentError(error, limits);
    }
  }

  /** Ends all children; what is being parsed fails. */
  async close(): Promise<void> {
    await this.#pool.close();
  }
}

/** Parses one document in a child of its own; for a single document, as `DocumentParser` is for many. */
export async function* parseDocument(request: ParseRequest): AsyncGenerator<ParseEvent, void, undefined> {
  const parser = new DocumentParser({ size: 1 });
  try {
    yield* parser.parse(request);
  } finally {
    await parser.close();
  }
}

/** The document is to blame for what a bound stopped, and for what its reader could not read. */
function asDocumentError(error: unknown, limits: ParseLimits): unknown {
  if (error instanceof BoundError) return boundFault(error, limits) ?? error;
  if (!(error instanceof ChildError)) return error;
  if (error.code.startsWith('document_')) {
    return new DocumentError({
      code: error.code,
      message: error.message,
      ...(error.hint === undefined ? {} : { hint: error.hint }),
    });
  }
  if (error.thrownName === 'RangeError' && /allocation failed|Invalid (?:array|string) length/i.test(error.message)) {
    return tooHungry(limits, error);
  }
  if (error.thrownName === 'RuntimeError' || error.thrownName === 'RangeError') {
    return new DocumentError({
      code: 'document_malformed',
      message: 'The document is built in a way that no reader copes with.',
      hint: 'Open it in the program it was made with, save it anew and upload that.',
      cause: error,
    });
  }
  return new MillraceError({
    code: 'parse_failed',
    message: `The document was to be parsed; its reader failed: ${error.message}`,
    hint: 'This is a fault of Millrace: report it with the stack trace in the log.',
    cause: error,
  });
}

function boundFault(error: BoundError, limits: ParseLimits): DocumentError | undefined {
  if (error.bound === 'memory') return tooHungry(limits, error);
  if (error.bound === 'time') {
    return new DocumentError({
      code: 'document_too_slow',
      message: `The document takes longer to read than the ${Math.round(error.limit / 1000)} seconds that a document of its size may take.`,
      hint: 'Split it into smaller documents, or save it anew in a simpler form.',
      cause: error,
    });
  }
  if (error.bound === 'output') {
    return new DocumentError({
      code: 'document_too_large',
      message: `The document holds more text than can be indexed as one (${mebibytes(error.limit)} MiB).`,
      hint: 'Split it into smaller documents.',
      cause: error,
    });
  }
  return undefined;
}

function tooHungry(limits: ParseLimits, cause: unknown): DocumentError {
  return new DocumentError({
    code: 'document_too_hungry',
    message: `Reading the document takes more than the ${mebibytes(limits.rssBytes)} MiB of memory that one document may take.`,
    hint: 'Split it into smaller documents, or save it anew in a simpler form.',
    cause,
  });
}

function mebibytes(bytes: number): number {
  return Math.round(bytes / (1024 * 1024));
}
