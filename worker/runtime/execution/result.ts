/** Results of handlers, as the ledger keeps them. */
import { MillraceError } from '../../errors.ts';
import { maxPayloadBytes } from '../payload.ts';
import { storableJson } from '../storable.ts';

/** Results are answers, not parcels: the same bound as payloads. */
const maxResultBytes = maxPayloadBytes;

/**
 * The result as JSON text for the ledger.
 * @throws MillraceError `result_invalid`, `result_too_large`
 */
export function resultText(task: string, result: unknown): string {
  let text: string;
  try {
    text = storableJson(JSON.stringify(result ?? null) ?? 'null');
  } catch (cause) {
    throw new MillraceError({ code: 'result_invalid', message: `${task} returned what is no JSON.`, cause });
  }
  const bytes = Buffer.byteLength(text);
  if (bytes <= maxResultBytes) return text;
  throw new MillraceError({
    code: 'result_too_large',
    message: `${task} returned ${bytes} bytes; a result holds at most ${maxResultBytes}.`,
    hint: 'Write large results to storage and return where they lie.',
  });
}
