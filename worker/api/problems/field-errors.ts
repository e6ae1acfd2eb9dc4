/** Zod's issues, one line a field. */
import type { z } from 'zod';
import type { FieldError } from './api-error.ts';

/** An issue as the type provider hands it on. */
interface ValidationIssue {
  readonly instancePath: string;
  readonly keyword: string;
  readonly message?: string | undefined;
  readonly params: Readonly<Record<string, unknown>>;
}

/** Of issues that came through fastify. */
export const fieldErrors = (issues: readonly ValidationIssue[]): FieldError[] =>
  issues.flatMap(({ instancePath, keyword, message, params }) =>
    errorsOf(instancePath.split('/').filter(Boolean), keyword, message ?? 'does not fit', params.keys),
  );

/** Of issues straight from zod. @param under field that holds what was parsed */
export const zodFieldErrors = (error: z.ZodError, under: readonly string[] = []): FieldError[] =>
  error.issues.flatMap((issue) =>
    errorsOf(
      [...under, ...issue.path.map(String)],
      issue.code,
      issue.message,
      issue.code === 'unrecognized_keys' ? issue.keys : [],
    ),
  );

function errorsOf(path: readonly string[], kind: string, message: string, keys: unknown): FieldError[] {
  if (kind !== 'unrecognized_keys' || !Array.isArray(keys)) return [{ field: path.join('.'), message }];
  return keys.map((key) => ({ field: [...path, String(key)].join('.'), message: 'is not a field of this call' }));
}
