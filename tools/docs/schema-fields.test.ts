import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { fieldsOf, typeText } from './schema-fields.ts';

const shape = (schema: z.ZodType) => z.toJSONSchema(schema, { io: 'input' }) as never;

describe('schema fields', () => {
  it('should say bounds, but not those of every integer', () => {
    expect(typeText(shape(z.int().min(1).max(9)))).toBe('integer, 1 to 9');
    expect(typeText(shape(z.int()))).toBe('integer');
    expect(typeText(shape(z.array(z.uuid()).min(1).max(3)))).toBe('list of uuid, 1 to 3 entries');
  });

  it('should list nested fields and say with which variant they come', () => {
    const rule = z.discriminatedUnion('mode', [
      z.object({ mode: z.literal('a') }),
      z.object({ mode: z.literal('b'), size: z.int().default(5) }),
    ]);
    expect(fieldsOf(shape(z.object({ rule })))).toEqual([
      { path: 'rule', type: 'object', required: true, description: '' },
      { path: 'rule.mode', type: '`"a"`', required: true, description: 'With `mode` = `a`.' },
      { path: 'rule.mode', type: '`"b"`', required: true, description: 'With `mode` = `b`.' },
      { path: 'rule.size', type: 'integer', required: false, description: 'With `mode` = `b`. Default `5`.' },
    ]);
  });
});
