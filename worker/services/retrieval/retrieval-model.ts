/** How a search is done, in the shape of Dify's `retrieval_model`. */
import { z } from 'zod';

export const searchMethods = ['semantic_search', 'full_text_search', 'hybrid_search', 'keyword_search'] as const;
export type SearchMethod = (typeof searchMethods)[number];

const weight = z.number().min(0).max(1);

const weights = z
  .object({
    vector_setting: z.object({ vector_weight: weight }),
    keyword_setting: z.object({ keyword_weight: weight }),
  })
  .refine((value) => value.vector_setting.vector_weight + value.keyword_setting.keyword_weight > 0, {
    message: 'At least one of the two weights must be above 0.',
  });

/**
 * Unknown fields are refused. Fields that Dify's clients send along for reranking are taken, and have no effect while
 * `reranking_enable` is false, which is the only value there is.
 */
export const retrievalModelSchema = z.strictObject({
  search_method: z.enum(searchMethods).default('semantic_search'),
  /** Most records of an answer. */
  top_k: z.int().min(1).max(100).default(4),
  score_threshold_enabled: z.boolean().default(false),
  /** Least score of a record; looked at when `score_threshold_enabled`. */
  score_threshold: z.number().min(0).max(1).nullable().default(null),
  reranking_enable: z
    .literal(false, { message: 'There is no reranking model: set reranking_enable to false.' })
    .default(false),
  reranking_mode: z.enum(['reranking_model', 'weighted_score']).nullish(),
  reranking_model: z.looseObject({}).nullish(),
  /** Of `hybrid_search`: scores are added by these; without them, ranks are fused. */
  weights: weights.nullish(),
});

export type RetrievalModel = z.infer<typeof retrievalModelSchema>;
/** What a caller may leave out. */
export type RetrievalModelInput = z.input<typeof retrievalModelSchema>;
