/** Errors as findings. */
import { errorText, type MillraceError } from '../errors.ts';
import { type Finding, fault } from './report.ts';

const fallbackHint = 'The log of the server says more.';

/** An error of ours, whose hint is what to mend. */
export function faultOf(error: MillraceError): Finding {
  // the cause is the server's or the system's own words
  return fault(error.code, sentence(errorText(error)), error.hint ?? fallbackHint);
}

/** Ends with a full stop, on one line. */
export function sentence(text: string): string {
  const line = text.replace(/\s+/g, ' ').trim();
  return /[.!?]$/.test(line) ? line : `${line}.`;
}
