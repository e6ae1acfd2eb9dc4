/** Why a task or a queue does not move: one sentence, and what mends it. */
import { z } from 'zod';
import { whyQueue, whyTask } from '../../runtime/index.ts';
import { taskNotFound } from '../problems/api-error.ts';
import { problems, uuid } from '../schemas/common.ts';
import { queueWhySchema, taskWhySchema } from '../schemas/why.ts';
import type { QueueWhyJson, TaskWhyJson } from '../types/why.ts';
import { taskWhyJson, whyJson } from '../views/why.ts';
import { checkedName } from './queues.ts';
import type { Routes } from './route.ts';

export const whyRoutes: Routes = (deps) => async (app) => {
  app.get(
    '/tasks/:task_id/why',
    {
      schema: {
        tags: ['tasks'],
        summary: 'Why a task does not move, and what mends it',
        description:
          'Asked of the ledger and of Redis when the call comes; the worker processes are known by their heartbeats, which are up to 5 s ' +
          "old. Of other tenants' tasks only their number is told. docs/guides/command-line.md lists the codes.",
        params: z.object({ task_id: uuid }),
        response: { 200: taskWhySchema, ...problems(400, 404) },
      },
    },
    async ({ tenantId, params: { task_id: id } }): Promise<TaskWhyJson> => {
      const found = await whyTask(deps, tenantId, id);
      if (!found) throw taskNotFound(id);
      return { ...taskWhyJson(found), because: found.because ? taskWhyJson(found.because) : null };
    },
  );

  app.get(
    '/queues/:name/why',
    {
      schema: {
        tags: ['queues'],
        summary: "Why the tenant's tasks in a queue do not move, and what mends it",
        params: z.object({ name: z.string() }),
        response: { 200: queueWhySchema, ...problems(404) },
      },
    },
    async ({ tenantId, params }): Promise<QueueWhyJson> => {
      const queue = checkedName(params.name);
      const { why, because } = await whyQueue(deps, tenantId, queue);
      return { queue, ...whyJson(why), because: because ? taskWhyJson(because) : null };
    },
  );
};
