/** Datasets, documents and segments, shaped as in Dify's knowledge API. */
import { z } from 'zod';
import { indexingStatuses } from '../../services/knowledge/documents.ts';
import { processRuleSchema } from '../../services/splitting/process-rule.ts';
import type {
  DatasetJson,
  DocumentJson,
  IndexingStatusJson,
  SegmentJson,
  SegmentPageJson,
} from '../types/knowledge.ts';
import { components, lineOfText, unixSeconds, uuid } from './common.ts';

const technique = z.enum(['high_quality', 'economy'], { error: 'expected high_quality or economy' });
const maxNameChars = 255;

export const newDatasetSchema = z
  .strictObject({
    name: lineOfText(maxNameChars),
    description: z
      .string({ error: 'expected a text' })
      .max(1000, { error: 'must have at most 1000 characters' })
      .refine((text) => !text.includes('\u0000') && text.isWellFormed(), { error: 'must be text without U+0000' })
      .optional(),
    indexing_technique: technique.default('high_quality'),
    embedding_model: lineOfText(200)
      .optional()
      .meta({ description: 'Only the model that this installation embeds with is taken; leave it out to get it.' }),
    embedding_model_provider: lineOfText(200).optional(),
    permission: z
      .enum(['only_me', 'all_team_members', 'partial_members'])
      .optional()
      .meta({ description: 'Taken for compatibility, without effect: every key of a tenant sees its datasets.' }),
    provider: z
      .literal('vendor', { error: 'only `vendor` is there: datasets of other systems cannot be attached' })
      .optional(),
  })
  .meta({ examples: [{ name: 'Mill manuals', indexing_technique: 'high_quality' }] });

const documentRules = {
  indexing_technique: technique
    .optional()
    .meta({ description: "Must be the dataset's; it is fixed when the dataset is made." }),
  process_rule: processRuleSchema.default({ mode: 'automatic' }),
  doc_form: z
    .enum(['text_model', 'hierarchical_model'], { error: 'expected text_model or hierarchical_model' })
    .optional()
    .meta({ description: 'Follows from `process_rule.mode`; given otherwise it is refused.' }),
  doc_language: lineOfText(40).optional(),
};

const formFits = {
  check: ({ doc_form, process_rule }: { doc_form?: string | undefined; process_rule: { mode: string } }) =>
    doc_form === undefined || (doc_form === 'hierarchical_model') === (process_rule.mode === 'hierarchical'),
  params: {
    path: ['doc_form'],
    error: 'hierarchical_model goes with process_rule.mode hierarchical, text_model with the others',
  },
};

export const newTextSchema = z
  .strictObject({
    name: lineOfText(maxNameChars),
    text: z
      .string({ error: 'expected a text' })
      .refine((text) => text.trim() !== '', { error: 'must not be empty' })
      .refine((text) => !text.includes('\u0000'), { error: 'must not hold the character U+0000' }),
    ...documentRules,
  })
  .refine(formFits.check, formFits.params)
  .meta({
    examples: [
      { name: 'handbook.txt', text: 'The mill stands still on Sundays.', process_rule: { mode: 'automatic' } },
    ],
  });

/** What the form's `data` holds. */
export const newFileSchema = z
  .strictObject({
    name: lineOfText(maxNameChars).optional().meta({ description: "The file's own name when left out." }),
    ...documentRules,
  })
  .refine(formFits.check, formFits.params);
export type NewFile = z.output<typeof newFileSchema>;

export const fileName = lineOfText(maxNameChars);

/** The form of create-by-file, for /openapi.json. */
export const uploadFormSchema = z.object({
  data: z
    .string()
    .optional()
    .meta({
      description: 'JSON text: `{name?, indexing_technique?, process_rule?, doc_form?, doc_language?}`.',
      examples: ['{"indexing_technique":"high_quality","process_rule":{"mode":"automatic"}}'],
    }),
  file: z.string().meta({ format: 'binary' }),
});

export const datasetSchema: z.ZodType<DatasetJson> = z
  .object({
    id: uuid,
    name: z.string(),
    description: z.string(),
    provider: z.literal('vendor'),
    permission: z.literal('all_team_members'),
    indexing_technique: technique,
    embedding_model: z.string().nullable(),
    embedding_model_provider: z.string().nullable(),
    embedding_available: z.boolean(),
    document_count: z.int(),
    word_count: z.int(),
    created_at: unixSeconds,
    updated_at: unixSeconds,
  })
  .register(components, { id: 'Dataset' });

const status = z.enum(indexingStatuses);

export const documentSchema: z.ZodType<DocumentJson> = z
  .object({
    id: uuid,
    dataset_id: uuid,
    position: z.int(),
    batch: z.string(),
    name: z.string(),
    data_source_type: z.enum(['upload_file', 'text_input']),
    created_from: z.literal('api'),
    size_bytes: z.int(),
    format: z.string().nullable(),
    doc_form: z.enum(['text_model', 'hierarchical_model']),
    doc_language: z.string().nullable(),
    doc_metadata: z.record(z.string(), z.union([z.string(), z.number()])),
    indexing_status: status,
    display_status: z.enum(['queuing', 'indexing', 'available', 'error', 'paused', 'disabled', 'archived']),
    error: z.string().nullable(),
    error_code: z.string().nullable(),
    enabled: z.boolean(),
    archived: z.boolean(),
    word_count: z.int(),
    tokens: z.int(),
    total_segments: z.int(),
    completed_segments: z.int(),
    task_id: uuid.nullable(),
    created_at: unixSeconds,
    updated_at: unixSeconds,
  })
  .register(components, { id: 'Document' });

export const documentCreatedSchema = z.object({ document: documentSchema, batch: z.string(), task_id: uuid });

const at = unixSeconds.nullable();
export const indexingStatusSchema: z.ZodType<IndexingStatusJson> = z
  .object({
    id: uuid,
    indexing_status: status,
    processing_started_at: at,
    parsing_completed_at: at,
    cleaning_completed_at: at,
    splitting_completed_at: at,
    completed_at: at,
    paused_at: at,
    error: z.string().nullable(),
    error_code: z.string().nullable(),
    stopped_at: at,
    completed_segments: z.int(),
    total_segments: z.int(),
  })
  .register(components, { id: 'IndexingStatus' });

const segmentSchema: z.ZodType<SegmentJson> = z
  .object({
    id: uuid,
    document_id: uuid,
    position: z.int(),
    content: z.string(),
    word_count: z.int(),
    tokens: z.int(),
    keywords: z.array(z.string()),
    page: z.int().nullable(),
    section: z.string().nullable(),
    status: z.enum(['waiting', 'completed']),
    enabled: z.boolean(),
    created_at: unixSeconds,
    completed_at: at,
    child_chunks: z.array(z.object({ id: uuid, position: z.int(), content: z.string() })),
  })
  .register(components, { id: 'Segment' });

export const segmentPageSchema: z.ZodType<SegmentPageJson> = z.object({
  data: z.array(segmentSchema),
  page: z.int(),
  limit: z.int(),
  total: z.int(),
  has_more: z.boolean(),
  doc_form: z.enum(['text_model', 'hierarchical_model']),
});
