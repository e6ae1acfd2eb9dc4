/** Opaque cursors: where a page of tasks ended. */
import { z } from 'zod';
import type { TaskCursor } from '../../runtime/index.ts';
import { ApiError } from '../problems/api-error.ts';

/** `2026-01-31 12:00:00.123456+00`, as Postgres prints it: microseconds matter. */
const cursorSchema = z.tuple([
  z.string().regex(/^\d{4,6}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d{1,6})?[+-]\d\d(:\d\d)*$/),
  z.guid(),
]);

export const cursorText = ({ acceptedAt, id }: TaskCursor): string =>
  Buffer.from(JSON.stringify([acceptedAt, id])).toString('base64url');

export const cursorInvalid = (cause?: unknown): ApiError =>
  new ApiError({
    code: 'cursor_invalid',
    message: 'The cursor is none that this API gave out.',
    hint: 'Pass `next_cursor` of the page before, unchanged.',
    errors: [{ field: 'cursor', message: 'expected `next_cursor` of the page before' }],
    cause,
  });

/** @throws ApiError `cursor_invalid` */
export function cursorOf(text: string): TaskCursor {
  let read: unknown;
  try {
    read = JSON.parse(Buffer.from(text, 'base64url').toString('utf8'));
  } catch (cause) {
    throw cursorInvalid(cause);
  }
  const parsed = cursorSchema.safeParse(read);
  if (!parsed.success) throw cursorInvalid(parsed.error);
  const [acceptedAt, id] = parsed.data;
  return { acceptedAt, id };
}
