/** What there is to run, and what waits for its time. */
import { z } from 'zod';
import { type RegisteredTask, scheduledTasks } from '../../runtime/index.ts';
import { anyJson, components, intInQuery, problems, queueName } from '../schemas/common.ts';
import { taskSchema } from '../schemas/task.ts';
import type { Json } from '../types/common.ts';
import type { RegisteredTaskJson } from '../types/task.ts';
import { taskJson } from '../views/task.ts';
import type { Routes } from './route.ts';

const registeredSchema: z.ZodType<RegisteredTaskJson> = z
  .object({
    task: z.string(),
    queue: z.string(),
    description: z.string(),
    retries: z.int().meta({ description: 'Attempts after the first.' }),
    time_limit_seconds: z.number(),
    tenant_isolated: z.boolean(),
    isolation: z.enum(['thread', 'process']).nullable(),
    payload: anyJson.meta({ description: 'JSON Schema.' }),
  })
  .register(components, { id: 'RegisteredTask' });

const registeredJson = (task: RegisteredTask): RegisteredTaskJson => ({
  task: task.name,
  queue: task.queue,
  description: task.description,
  retries: task.retry.retries,
  time_limit_seconds: task.timeLimitSeconds,
  tenant_isolated: task.tenantIsolated,
  isolation: task.isolation?.in ?? null,
  // what JSON Schema has no word for is left open
  payload: z.toJSONSchema(task.payload, { io: 'input', unrepresentable: 'any' }) as Json,
});

export const inspectRoutes: Routes =
  ({ db, registry }) =>
  async (app) => {
    app.get(
      '/inspect/registered',
      {
        schema: {
          tags: ['tasks'],
          summary: 'The tasks that can be sent, with their payload schemas',
          response: { 200: z.object({ tasks: z.array(registeredSchema) }), ...problems() },
        },
      },
      async () => ({ tasks: registry.names.flatMap((name) => registry.get(name) ?? []).map(registeredJson) }),
    );

    app.get(
      '/inspect/scheduled',
      {
        schema: {
          tags: ['tasks'],
          summary: 'Tasks that wait for their time: an eta, a countdown, the next attempt; soonest first',
          querystring: z.strictObject({ queue: queueName.optional(), limit: intInQuery(1, 1000, 50) }),
          response: { 200: z.object({ tasks: z.array(taskSchema) }), ...problems(400) },
        },
      },
      async ({ tenantId, query }) => ({
        tasks: (await scheduledTasks(db, tenantId, query.queue, query.limit)).map(taskJson),
      }),
    );
  };
