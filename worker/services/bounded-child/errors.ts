import { MillraceError } from '../../errors.ts';

/** What a bounded child may run into. */
export type Bound = 'time' | 'memory' | 'output' | 'source' | 'start';

const codes = {
  time: 'child_too_slow',
  memory: 'child_too_hungry',
  output: 'child_output_too_large',
  source: 'child_source_stalled',
  start: 'child_not_started',
} as const satisfies Record<Bound, string>;

/** A bounded child was killed because it went beyond `bound`. Codes: `child_too_slow`, `child_too_hungry`, `child_output_too_large`, `child_source_stalled`, `child_not_started`. */
export class BoundError extends MillraceError {
  override readonly name = 'BoundError';
  readonly bound: Bound;
  /** The bound's value: milliseconds or bytes. */
  readonly limit: number;

  constructor(bound: Bound, limit: number, message: string) {
    super({ code: codes[bound], message });
    this.bound = bound;
    this.limit = limit;
  }
}

/** A bounded child ended by itself before its work was done. Code: `child_crashed`. */
export class CrashError extends MillraceError {
  override readonly name = 'CrashError';

  constructor(how: string, lastWords: string) {
    super({
      code: 'child_crashed',
      message: `The child process was to finish its work; it ended ${how}${lastWords === '' ? '' : `, saying: ${lastWords}`}`,
    });
  }
}

/** What is sent of an error that was thrown inside the child. */
export interface SentError {
  readonly name: string;
  readonly message: string;
  readonly code?: string;
  readonly hint?: string;
  readonly stack?: string;
}

/** The function in the child threw. Carries the code and hint of the error it threw, its name and its stack there. */
export class ChildError extends MillraceError {
  override readonly name = 'ChildError';
  readonly thrownName: string;
  readonly thrownStack: string | undefined;

  constructor(sent: SentError) {
    super({
      code: sent.code ?? 'child_failed',
      message: sent.message,
      ...(sent.hint === undefined ? {} : { hint: sent.hint }),
    });
    this.thrownName = sent.name;
    this.thrownStack = sent.stack;
  }
}
