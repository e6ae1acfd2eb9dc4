/** The rules by which a document is cleaned and cut, shaped as `process_rule` of Dify's knowledge API. */
import { z } from 'zod';

/** Least and greatest `max_tokens` of a segment: fewer say nothing, more is beyond what embedding models take in well. */
export const minSegmentTokens = 50;
export const maxSegmentTokens = 4_000;

/** Longest separator, in UTF-16 code units; the look-ahead of the splitter grows with it. */
export const maxSeparatorChars = 200;

const escapes: Readonly<Record<string, string>> = { '\\n': '\n', '\\r': '\r', '\\t': '\t' };

/** Turns a typed `\n`, `\t` or `\r` (two characters, as forms send it) into the character it stands for. */
function unescapeSeparator(separator: string): string {
  return separator.replace(/\\[nrt]/g, (typed) => escapes[typed] ?? typed).replace(/\r\n?/g, '\n');
}

const preProcessingRuleSchema = z.object({
  id: z.enum(['remove_extra_spaces', 'remove_urls_emails'], {
    error: "Expected the id of a cleaning rule: 'remove_extra_spaces' or 'remove_urls_emails'.",
  }),
  enabled: z.boolean({ error: 'Expected `enabled` to be true or false.' }),
});

const tokenCount = z
  .int({ error: 'Expected `max_tokens` to be a whole number of tokens.' })
  .min(minSegmentTokens, { error: `Expected \`max_tokens\` to be at least ${minSegmentTokens}.` })
  .max(maxSegmentTokens, { error: `Expected \`max_tokens\` to be at most ${maxSegmentTokens}.` });

const overlapCount = z
  .int({ error: 'Expected `chunk_overlap` to be a whole number of tokens.' })
  .min(0, { error: 'Expected `chunk_overlap` to be 0 or more.' });

function segmentationSchema(separator: string) {
  return z
    .object({
      /** Where a segment always ends. Empty: cut by length only. */
      separator: z
        .string({ error: 'Expected `separator` to be a text.' })
        .max(maxSeparatorChars, { error: `Expected \`separator\` to have at most ${maxSeparatorChars} characters.` })
        .default(separator)
        .transform(unescapeSeparator),
      max_tokens: tokenCount.default(500),
      /** Tokens at most that a segment repeats of the one before, where a cut was made for length. */
      chunk_overlap: overlapCount.default(0),
    })
    .refine((value) => value.chunk_overlap < value.max_tokens, {
      path: ['chunk_overlap'],
      error: 'Expected `chunk_overlap` to be less than `max_tokens`.',
    });
}

const preProcessingRules = z
  .array(preProcessingRuleSchema, { error: 'Expected `pre_processing_rules` to be a list.' })
  .max(16, { error: 'Expected at most 16 entries in `pre_processing_rules`.' })
  .default([]);

const defaultSeparator = '\n\n';
const defaultChildSeparator = '\n';

const customRulesSchema = z.object(
  {
    pre_processing_rules: preProcessingRules,
    segmentation: segmentationSchema(defaultSeparator),
  },
  { error: "Expected `rules` with `segmentation`, as mode 'custom' needs it." },
);

const hierarchicalRulesSchema = z.object(
  {
    pre_processing_rules: preProcessingRules,
    /** How parents are cut; has no effect when `parent_mode` is 'full-doc'. */
    segmentation: segmentationSchema(defaultSeparator).prefault({}),
    parent_mode: z
      .enum(['full-doc', 'paragraph'], { error: "Expected `parent_mode` to be 'full-doc' or 'paragraph'." })
      .default('paragraph'),
    subchunk_segmentation: segmentationSchema(defaultChildSeparator),
  },
  { error: "Expected `rules` with `subchunk_segmentation`, as mode 'hierarchical' needs it." },
);

/** What a client sends as `process_rule`, and what is stored. Parsing what was parsed before changes nothing. */
export const processRuleSchema = z.discriminatedUnion(
  'mode',
  [
    z.object({ mode: z.literal('automatic') }),
    z.object({ mode: z.literal('custom'), rules: customRulesSchema }),
    z.object({ mode: z.literal('hierarchical'), rules: hierarchicalRulesSchema }),
  ],
  { error: "Expected `process_rule.mode` to be 'automatic', 'custom' or 'hierarchical'." },
);

export type ProcessRule = z.infer<typeof processRuleSchema>;
export type SegmentationRule = z.infer<typeof customRulesSchema>['segmentation'];
export type PreProcessingRule = z.infer<typeof preProcessingRuleSchema>;

/** What mode 'automatic' stands for; Dify's own defaults. */
export const automaticRule: z.infer<typeof customRulesSchema> = {
  pre_processing_rules: [
    { id: 'remove_extra_spaces', enabled: true },
    { id: 'remove_urls_emails', enabled: false },
  ],
  segmentation: { separator: '\n', max_tokens: 500, chunk_overlap: 50 },
};
