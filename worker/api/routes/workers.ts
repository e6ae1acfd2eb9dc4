/** Who works, and what is scheduled. */
import { z } from 'zod';
import { problems } from '../schemas/common.ts';
import { workerSchema } from '../schemas/operations.ts';
import type { Routes } from './route.ts';

export const workerRoutes: Routes = (deps) => async (app) => {
  app.get(
    '/workers',
    {
      schema: {
        tags: ['workers'],
        summary: 'Live worker processes with what they run',
        response: { 200: z.object({ workers: z.array(workerSchema) }), ...problems() },
      },
    },
    async () => ({ workers: [...(await deps.workers())] }),
  );

  app.get(
    '/schedules',
    {
      schema: {
        tags: ['schedules'],
        summary: 'Schedules with their last and next slot',
        description: 'This release runs no schedules: the list is empty.',
        response: { 200: z.object({ schedules: z.array(z.never()) }), ...problems() },
      },
    },
    async () => ({ schedules: [] }),
  );
};
