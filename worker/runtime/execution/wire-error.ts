/** Errors over the border between processes: what the ledger keeps and what decides on a retry survive. */
import { errorText, MillraceError, PermanentError } from '../../errors.ts';
import { StaleOwnerError } from '../ledger/effects.ts';
import type { Fence } from '../ledger/rows.ts';

export interface WireError {
  readonly kind: 'permanent' | 'stale_owner' | 'millrace' | 'other';
  readonly message: string;
  readonly code: string | undefined;
  readonly hint: string | undefined;
  /** For the log; bounded. */
  readonly stack: string | undefined;
}

/** Longest texts that cross. */
const maxTextChars = 10_000;
const cut = (text: string) => text.slice(0, maxTextChars);

function kindOf(error: unknown): WireError['kind'] {
  if (error instanceof StaleOwnerError) return 'stale_owner';
  if (error instanceof PermanentError) return 'permanent';
  return error instanceof MillraceError ? 'millrace' : 'other';
}

export function toWire(error: unknown): WireError {
  return {
    kind: kindOf(error),
    // with its causes, which stay behind
    message: cut(errorText(error)),
    code: error instanceof MillraceError ? error.code : undefined,
    hint: error instanceof MillraceError ? error.hint : undefined,
    stack: error instanceof Error && error.stack !== undefined ? cut(error.stack) : undefined,
  };
}

export function fromWire({ kind, message, code = 'task_error', hint, stack }: WireError, fence: Fence): Error {
  const detail = { code, message, ...(hint === undefined ? {} : { hint }) };
  const error =
    kind === 'stale_owner'
      ? new StaleOwnerError(fence)
      : kind === 'permanent'
        ? new PermanentError(detail)
        : kind === 'millrace'
          ? new MillraceError(detail)
          : new Error(message);
  if (stack !== undefined) error.stack = stack;
  return error;
}
