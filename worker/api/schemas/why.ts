/** Why a task or a queue does not move. */
import { z } from 'zod';
import { type WhyCode, whyKinds, whyReasons } from '../../runtime/index.ts';
import type { OneTaskWhyJson, QueueWhyJson, TaskWhyJson, WhyReasonJson } from '../types/why.ts';
import { anyJson, components, taskStatus, uuid } from './common.ts';

const reason = {
  code: z.enum(Object.keys(whyReasons) as [WhyCode, ...WhyCode[]]),
  kind: z.enum(whyKinds).meta({
    description: 'How much somebody has to do: nothing any more, nothing, wait, or mend.',
  }),
  sentence: z.string(),
  mend: z.string().nullable().meta({ description: 'What mends it; null where nothing is to be done.' }),
  details: z.record(z.string(), anyJson).meta({ description: 'The figures of the sentence.' }),
};

const reasonSchema: z.ZodType<WhyReasonJson> = z.object(reason).register(components, { id: 'WhyReason' });

const answer = {
  ...reason,
  also: z.array(reasonSchema).meta({ description: 'What else would hold it up once that is over.' }),
};

const oneTask = { task_id: uuid, task: z.string(), queue: z.string(), status: taskStatus, ...answer };
const oneTaskSchema: z.ZodType<OneTaskWhyJson> = z.object(oneTask).register(components, { id: 'WhyOfOneTask' });

export const taskWhySchema: z.ZodType<TaskWhyJson> = z.object({ ...oneTask, because: oneTaskSchema.nullable() });
export const queueWhySchema: z.ZodType<QueueWhyJson> = z.object({
  queue: z.string(),
  ...answer,
  because: oneTaskSchema.nullable(),
});
