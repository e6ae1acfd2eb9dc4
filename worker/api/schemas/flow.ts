/** Flows as they come in and go out. */
import { z } from 'zod';
import type { FlowIdsJson, FlowJson, FlowMemberJson } from '../types/flow.ts';
import { components, isoTime, taskStatus, uuid } from './common.ts';
import { userId } from './live.ts';
import { errorSchema, type TaskRequestBody, taskRequestSchema } from './task.ts';

/** One of three shapes, told apart by its fields. */
export type FlowBody =
  | TaskRequestBody
  | { readonly chain: readonly FlowBody[] }
  | { readonly group: readonly FlowBody[]; readonly then?: FlowBody | undefined };

/** Says what a flow is; `readFlowBody` reads one and names each place that is wrong. */
const flowBodySchema: z.ZodType<FlowBody> = z
  .union([
    taskRequestSchema,
    z.strictObject({
      get chain() {
        return z.array(flowBodySchema).meta({ description: 'One after another.' });
      },
    }),
    z.strictObject({
      get group() {
        return z.array(flowBodySchema).meta({ description: 'Side by side.' });
      },
      // biome-ignore lint/suspicious/noThenProperty: the word of the request; it holds an object, which makes nothing a promise
      get then() {
        return flowBodySchema.optional().meta({ description: 'Starts when all of the group have completed.' });
      },
    }),
  ])
  .register(components, {
    id: 'FlowRequest',
    description: 'A task, as POST /v1/tasks takes it; `{chain: [flow, …]}`; or `{group: [flow, …], then?: flow}`.',
  });

export const flowRequestSchema = z
  .strictObject({
    flow: flowBodySchema,
    flow_id: uuid.optional().meta({ description: 'Your own id: the same flow sent again under it is accepted once.' }),
    user_id: userId.optional().meta({
      description:
        'Your own name of the user it is for, of all its tasks that name no other in their `options.user_id`.',
    }),
  })
  .meta({
    examples: [
      {
        flow: {
          chain: [
            { task: 'sample_noop', payload: {} },
            {
              group: [
                { task: 'sample_sleep', payload: { ms: 100 } },
                { task: 'sample_sleep', payload: { ms: 200 } },
              ],
            },
            { task: 'sample_noop', payload: {} },
          ],
        },
      },
    ],
  });

const flowIdsSchema: z.ZodType<FlowIdsJson> = z
  .union([
    z.object({ task_id: uuid }),
    z.object({
      get chain() {
        return z.array(flowIdsSchema);
      },
    }),
    z.object({
      get group() {
        return z.array(flowIdsSchema);
      },
      // biome-ignore lint/suspicious/noThenProperty: the word of the request; it holds an object, which makes nothing a promise
      get then() {
        return flowIdsSchema.optional();
      },
    }),
  ])
  .register(components, { id: 'FlowIds', description: 'The ids of the tasks, in the shape of the flow.' });

export const acceptedFlowSchema = z.object({ flow_id: uuid, tasks: flowIdsSchema });
export const cancelledFlowSchema = z.object({
  flow_id: uuid,
  cancelled: z.int().meta({ description: 'Tasks that had not ended.' }),
});

const flowMemberSchema: z.ZodType<FlowMemberJson> = z.object({
  task_id: uuid,
  task: z.string(),
  queue: z.string(),
  status: taskStatus,
  waiting_for: z.int().meta({ description: 'So many of its parents have not completed.' }),
  parents: z.array(uuid).meta({ description: 'What it waits or waited for, in order.' }),
  attempts: z.int(),
  error: errorSchema.nullable(),
  started_at: isoTime.nullable(),
  finished_at: isoTime.nullable(),
  dead_letter: z.boolean(),
});

export const flowSchema: z.ZodType<FlowJson> = z
  .object({
    flow_id: uuid,
    accepted_at: isoTime,
    ended: z.boolean().meta({ description: 'Nothing of it waits or runs.' }),
    states: z.partialRecord(taskStatus, z.int()).meta({ description: 'How many tasks are in which state.' }),
    tasks: z.array(flowMemberSchema),
  })
  .register(components, { id: 'Flow' });
