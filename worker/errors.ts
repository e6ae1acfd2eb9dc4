/** What every error of Millrace carries: a stable code, what was wrong, and what to do about it. */
export interface ErrorDetail {
  /** Stable, lower_snake_case; scripts lean on it. */
  readonly code: string;
  /** A sentence a person understands: what was expected, what came instead. */
  readonly message: string;
  /** What to do about it, as a sentence. */
  readonly hint?: string;
  readonly cause?: unknown;
}

/** An error that Millrace raises on purpose, as opposed to one that escapes from a library. */
export class MillraceError extends Error {
  override readonly name: string = 'MillraceError';
  readonly code: string;
  readonly hint: string | undefined;

  constructor({ code, message, hint, cause }: ErrorDetail) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
    this.hint = hint;
  }
}

/** A task failed in a way that no retry mends: a bad payload, an unsupported file. It ends as FAILED at once. */
export class PermanentError extends MillraceError {
  override readonly name = 'PermanentError';
}

/** The process cannot start as it is set up. Printed without a stack trace; the exit code is 78 (EX_CONFIG of sysexits.h). */
export class StartError extends MillraceError {
  override readonly name = 'StartError';
}

/** Whether the system refused a call with one of these codes (`ENOENT`, …). */
export const isErrno = (error: unknown, ...codes: string[]): boolean =>
  error instanceof Error && 'code' in error && codes.includes(String(error.code));

/** The text of an unknown thrown value, with the causes it carries. */
export function errorText(thrown: unknown): string {
  if (!(thrown instanceof Error)) return String(thrown);
  const own = thrown.message || thrown.name;
  return thrown.cause === undefined ? own : `${own.replace(/\.$/, '')}: ${errorText(thrown.cause)}`;
}
