import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { type Database, openPglite } from '../db/index.ts';
import { PermanentError } from '../errors.ts';
import type { Json } from './json.ts';
import { maxPayloadBytes, maxPayloadDepth, PayloadError, parsePayload, payloadText } from './payload.ts';

/** The issues of a payload of any shape; undefined when it passes. */
function issuesOf(raw: unknown, schema: z.ZodType = z.unknown()) {
  try {
    parsePayload('sample', schema, raw);
    return undefined;
  } catch (error) {
    if (!(error instanceof PayloadError)) throw error;
    return { code: error.code, issues: error.issues };
  }
}
const invalid = (field: string, message: string) => ({ code: 'payload_invalid', issues: [{ field, message }] });

/** `value` under `levels` arrays or objects. */
function nested(levels: number, value: unknown, list = false): unknown {
  let inner = value;
  for (let level = 0; level < levels; level += 1) inner = list ? [inner] : { a: inner };
  return inner;
}

/** JSON text, with `"KEY": 1` put somewhere into an object of it. */
const jsonWithKey = (key: string) =>
  fc
    .tuple(
      fc.constantFrom<unknown>(null, -1.5, 'text', [2, []], { y: {} }),
      fc.array(fc.oneof(fc.constant('list'), fc.string()), { maxLength: 6 }),
    )
    .map(([other, path]) =>
      path.reduceRight(
        (inner, step) =>
          step === 'list' ? `[${JSON.stringify(other)},${inner}]` : `{${JSON.stringify(`_${step}`)}:${inner}}`,
        `{"x":${JSON.stringify(other)},${JSON.stringify(key)}:1}`,
      ),
    );

/** JSON values with U+0000 and half surrogate pairs among their keys and texts. */
const anyJson = fc.jsonValue({ maxDepth: 4, stringUnit: 'binary' });
const dirtyJson = fc
  .tuple(anyJson, fc.constantFrom('\u0000', '\ud800', '\udfff', '🐟', 'plain'))
  .chain(([value, text]) => fc.constantFrom<unknown>({ value, text }, [value, { [`_${text}`]: value }], text, value));

describe('reserved names', () => {
  it.each(['__proto__', 'constructor', 'prototype'])('should refuse %s at any depth', (key) => {
    fc.assert(
      fc.property(jsonWithKey(key), (json) => {
        const issues = issuesOf(JSON.parse(json));
        expect(issues?.code).toBe('payload_invalid');
        expect(issues?.issues[0]?.message).toBe('is a reserved name');
        expect(issues?.issues[0]?.field.endsWith(key)).toBe(true);
      }),
    );
  });

  it('should let names through that hold them only in part', () => {
    expect(issuesOf({ proto: 1, __proto: 2, constructors: 3, Prototype: 4, value: '__proto__' })).toBeUndefined();
  });

  it('should say where', () => {
    expect(issuesOf(JSON.parse('{"rules":[{"ok":1},{"__proto__":{}}]}'))).toEqual(
      invalid('rules.1.__proto__', 'is a reserved name'),
    );
  });
});

describe('structure', () => {
  it.each([true, false])('should let through as many levels as allowed, and not one more (lists: %s)', (list) => {
    expect(issuesOf(nested(maxPayloadDepth, 'leaf', list))).toBeUndefined();
    const deep = issuesOf(nested(maxPayloadDepth + 1, 'leaf', list));
    expect(deep?.issues[0]?.message).toBe(`is nested deeper than ${maxPayloadDepth} levels`);
  });

  it('should answer nesting without end as any other', () => {
    const circle: Record<string, unknown> = {};
    circle.again = circle;
    expect(issuesOf(circle)?.code).toBe('payload_invalid');
    expect(issuesOf(JSON.parse(`${'['.repeat(100_000)}${']'.repeat(100_000)}`))?.code).toBe('payload_invalid');
  });

  it('should refuse U+0000 and half surrogate pairs in texts and names', () => {
    expect(issuesOf({ a: ['\u0000'] })).toEqual(invalid('a.0', 'must not hold the character U+0000'));
    expect(issuesOf({ a: 'x\ud800y' })).toEqual(invalid('a', 'must not hold half of a surrogate pair'));
    expect(issuesOf({ a: { 'b\u0000': 1 } })).toEqual(
      invalid('a', 'has a field whose name must not hold the character U+0000'),
    );
    expect(issuesOf({ '\udc00': 1 })).toEqual(
      invalid('', 'has a field whose name must not hold half of a surrogate pair'),
    );
    expect(issuesOf('🐟')).toBeUndefined();
  });

  it('should refuse what is no JSON', () => {
    for (const value of [Number.NaN, Number.POSITIVE_INFINITY, 1n, () => 1, Symbol('s')])
      expect(issuesOf({ a: [value] }), String(value)).toMatchObject({
        code: 'payload_invalid',
        issues: [{ field: 'a.0' }],
      });
  });
});

describe('size', () => {
  /** JSON of exactly so many bytes, of characters of `width` bytes. */
  const ofBytes = (bytes: number) => ({ t: 'a'.repeat(bytes - Buffer.byteLength('{"t":""}')) });

  it('should let 1 MiB of JSON through, and not one byte more', () => {
    expect(maxPayloadBytes).toBe(1024 * 1024);
    expect(issuesOf(ofBytes(maxPayloadBytes))).toBeUndefined();
    expect(issuesOf(ofBytes(maxPayloadBytes + 1))).toEqual({
      code: 'payload_too_large',
      issues: [{ field: '', message: `expected at most ${maxPayloadBytes} bytes, instead got ${maxPayloadBytes + 1}` }],
    });
  });

  it('should count bytes, not characters', () => {
    const text = '水'.repeat(maxPayloadBytes / 3);
    expect(issuesOf(text)?.code).toBe('payload_too_large');
    expect(issuesOf(text.slice(2))).toBeUndefined();
  });
});

describe('shape', () => {
  const schema = z.strictObject({ id: z.uuid(), rules: z.strictObject({ max: z.int().max(10) }) });

  it('should list every field that is wrong, with its path', () => {
    const found = issuesOf({ id: 'no', rules: { max: 11, min: 1 }, more: true }, schema);
    expect(found?.issues.map(({ field }) => field).sort()).toEqual(['', 'id', 'rules', 'rules.max']);
    expect(() => parsePayload('sample', schema, { id: 'no' })).toThrow(
      /^The payload of sample does not fit: id: .+; rules: /,
    );
  });

  it('should be an error that no retry mends', () => {
    expect(() => parsePayload('sample', schema, null)).toThrow(PermanentError);
  });

  it('should give the parsed value', () => {
    expect(parsePayload('sample', z.strictObject({ n: z.int().default(3) }), {})).toEqual({ n: 3 });
  });
});

it('should let only through what survives a round trip as JSON text', () => {
  fc.assert(
    fc.property(dirtyJson, (raw) => {
      if (issuesOf(raw)) return;
      const text = payloadText(raw as Json);
      // JSON has one zero
      expect(JSON.stringify(JSON.parse(text))).toBe(text);
      expect(text.isWellFormed()).toBe(true);
      expect(text).not.toMatch(/(?<!\\)(\\\\)*\\u(0000|d[89a-f])/);
    }),
  );
});

describe('in the ledger', () => {
  let db: Database;
  beforeAll(async () => {
    db = await openPglite(undefined);
  }, 60_000);
  afterAll(() => db.close());

  it('should let only through what Postgres keeps as it is', async () => {
    await fc.assert(
      fc.asyncProperty(dirtyJson, async (raw) => {
        if (issuesOf(raw)) return;
        const text = payloadText(raw as Json);
        const [row] = await db.query<{ kept: boolean }>('select $1::jsonb = $1::jsonb as kept', [text]);
        expect(row?.kept).toBe(true);
      }),
      { numRuns: 200 },
    );
  });
});
