import { describe, expect, test } from 'vitest';
import { automaticRule, processRuleSchema } from './process-rule.ts';

const custom = (segmentation: object) => ({ mode: 'custom', rules: { segmentation } });

describe('processRuleSchema', () => {
  test('should accept what Dify sends for automatic mode', () => {
    expect(processRuleSchema.parse({ mode: 'automatic', rules: {} })).toEqual({ mode: 'automatic' });
    expect(processRuleSchema.parse({ mode: 'custom', rules: automaticRule })).toEqual({
      mode: 'custom',
      rules: automaticRule,
    });
  });

  test('should fill in defaults, read typed escapes, and leave what was parsed before as it is', () => {
    const parsed = processRuleSchema.parse(custom({ separator: '\\n\\n', max_tokens: 300 }));
    expect(parsed).toEqual({
      mode: 'custom',
      rules: { pre_processing_rules: [], segmentation: { separator: '\n\n', max_tokens: 300, chunk_overlap: 0 } },
    });
    expect(processRuleSchema.parse(parsed)).toEqual(parsed);
  });

  test('should say what is wrong', () => {
    const message = (rule: unknown) =>
      processRuleSchema
        .safeParse(rule)
        .error?.issues.map((issue) => issue.message)
        .join(' ');
    expect(message({ mode: 'magic' })).toContain("'automatic', 'custom' or 'hierarchical'");
    expect(message(custom({ max_tokens: 49 }))).toContain('at least 50');
    expect(message(custom({ max_tokens: 4_001 }))).toContain('at most 4000');
    expect(message(custom({ max_tokens: 100, chunk_overlap: 100 }))).toContain('less than `max_tokens`');
    expect(message({ mode: 'hierarchical', rules: {} })).toBeDefined();
    expect(message({ mode: 'custom' })).toContain("mode 'custom' needs it");
  });
});
