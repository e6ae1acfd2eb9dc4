/** Parts that many schemas share. */
import { z } from 'zod';
import { type QueueName, queueNames } from '../../queues.ts';
import { taskStatuses } from '../../runtime/index.ts';
import { problemMediaType } from '../problems/install.ts';
import type { PageJson, ProblemJson } from '../types/common.ts';

/** Schemas that /openapi.json names once and refers to; zod's own registry, since `meta` writes there too. */
export const components = z.globalRegistry;

const hasControls = /\p{Cc}/u;

/** A line of text for people: no control characters, no half surrogate pairs, not only blanks. */
export const lineOfText = (maxChars: number) =>
  z
    .string({ error: 'expected a text' })
    .trim()
    .min(1, { error: 'must not be empty' })
    .max(maxChars, { error: `must have at most ${maxChars} characters` })
    .refine((text) => !hasControls.test(text) && text.isWellFormed(), {
      error: 'must hold no control characters and no half surrogate pairs',
    });

/** A whole number in a query string. */
export const intInQuery = (min: number, max: number, initial: number) =>
  z
    .string()
    .refine((text) => /^\d{1,9}$/.test(text) && Number(text) >= min && Number(text) <= max, {
      error: `expected a whole number from ${min} to ${max}`,
    })
    .transform(Number)
    .default(initial)
    .meta({ type: 'integer', minimum: min, maximum: max, default: initial });

export const uuid = z.guid({ error: 'expected a UUID' });

export const queueName = z.enum(queueNames as [QueueName, ...QueueName[]], {
  error: `expected a queue: ${queueNames.join(', ')}`,
});
export const taskStatus = z.enum(taskStatuses, { error: `expected a status: ${taskStatuses.join(', ')}` });
export const taskName = z.string({ error: 'expected the name of a task' }).min(1).max(120);

export const isoTime = z.iso.datetime();
export const unixSeconds = z.int();
/** Any JSON. */
export const anyJson = z.json().register(components, { id: 'AnyJson' });

export const pageQuery = {
  page: intInQuery(1, 1_000_000, 1),
  limit: intInQuery(1, 100, 20),
};

export const pageOf = <T>(item: z.ZodType<T>): z.ZodType<PageJson<T>> =>
  z.object({ data: z.array(item), page: z.int(), limit: z.int(), total: z.int(), has_more: z.boolean() });

const problemSchema: z.ZodType<ProblemJson> = z
  .object({
    code: z.string(),
    title: z.string(),
    status: z.int(),
    detail: z.string(),
    instance: z.string(),
    hint: z.string().optional(),
    errors: z.array(z.object({ field: z.string(), message: z.string() })).optional(),
  })
  .register(components, { id: 'Problem' });

const problem = { description: 'A problem (RFC 9457)', content: { [problemMediaType]: { schema: problemSchema } } };

/** The `response` entries of problems: the given ones and those that every call may answer with. */
export const problems = <S extends number>(...statuses: S[]) =>
  Object.fromEntries([401, 429, 500, 503, ...statuses].map((status) => [status, problem])) as Record<
    S | 401 | 429 | 500 | 503,
    typeof problem
  >;
