/** The payload of a task: plain JSON of a declared shape and a bounded size. */
import type { z } from 'zod';
import { PermanentError } from '../errors.ts';
import type { Json } from './json.ts';

/** A payload is an order, not a parcel: files go to storage and are named in the payload. */
export const maxPayloadBytes = 1024 * 1024;
/** Deeper nesting than any task needs; bounds the recursion of whoever walks it. */
export const maxPayloadDepth = 32;

export interface FieldIssue {
  /** As `rules.segmentation.max_tokens`; empty for the payload as a whole. */
  readonly field: string;
  readonly message: string;
}

export class PayloadError extends PermanentError {
  readonly issues: readonly FieldIssue[];

  constructor(code: 'payload_invalid' | 'payload_too_large', task: string, issues: readonly FieldIssue[]) {
    const list = issues.map(({ field, message }) => (field === '' ? message : `${field}: ${message}`)).join('; ');
    super({ code, message: `The payload of ${task} does not fit: ${list}.` });
    this.issues = issues;
  }
}

const forbiddenKeys = new Set(['__proto__', 'constructor', 'prototype']);

/** Text that Postgres does not keep in `jsonb`. */
function textIssue(text: string): string | undefined {
  if (text.includes('\u0000')) return 'must not hold the character U+0000';
  return text.isWellFormed() ? undefined : 'must not hold half of a surrogate pair';
}

/**
 * Finds what no payload may hold: keys that reach prototypes, nesting without end, text that Postgres does not keep, and
 * values that are no JSON, which a handler sends by mistake.
 */
function structuralIssue(value: unknown, path: string, depth: number): FieldIssue | undefined {
  if (typeof value === 'string') {
    const message = textIssue(value);
    return message === undefined ? undefined : { field: path, message };
  }
  if (typeof value === 'number' && !Number.isFinite(value))
    return { field: path, message: `is ${value}, no JSON number` };
  if (typeof value === 'bigint' || typeof value === 'function' || typeof value === 'symbol')
    return { field: path, message: `is a ${typeof value}, which JSON does not know` };
  if (typeof value !== 'object' || value === null) return undefined;
  if (depth > maxPayloadDepth) return { field: path, message: `is nested deeper than ${maxPayloadDepth} levels` };
  for (const key of Object.keys(value)) {
    const field = path === '' ? key : `${path}.${key}`;
    if (forbiddenKeys.has(key)) return { field, message: 'is a reserved name' };
    const wrongText = textIssue(key);
    if (wrongText !== undefined) return { field: path, message: `has a field whose name ${wrongText}` };
    const issue = structuralIssue((value as Record<string, unknown>)[key], field, depth + 1);
    if (issue) return issue;
  }
  return undefined;
}

/**
 * Checks size, structure and shape.
 * @throws PayloadError that lists every field that is wrong.
 */
export function parsePayload<P extends z.ZodType>(task: string, schema: P, raw: unknown): z.output<P> {
  const structural = structuralIssue(raw, '', 1);
  if (structural) throw new PayloadError('payload_invalid', task, [structural]);
  const bytes = Buffer.byteLength(JSON.stringify(raw) ?? '');
  if (bytes > maxPayloadBytes) {
    throw new PayloadError('payload_too_large', task, [
      { field: '', message: `expected at most ${maxPayloadBytes} bytes, instead got ${bytes}` },
    ]);
  }
  const parsed = schema.safeParse(raw);
  if (parsed.success) return parsed.data;
  throw new PayloadError(
    'payload_invalid',
    task,
    parsed.error.issues.map((issue) => ({ field: issue.path.map(String).join('.'), message: issue.message })),
  );
}

/** A payload that was checked, as JSON text for the ledger. */
export const payloadText = (payload: Json): string => JSON.stringify(payload);
