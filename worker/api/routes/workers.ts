/** Who works. */
import { z } from 'zod';
import type { Queryable } from '../../db/index.ts';
import type { LiveWorker } from '../../runtime/index.ts';
import { problems } from '../schemas/common.ts';
import { workerSchema } from '../schemas/operations.ts';
import type { WorkerJson } from '../types/operations.ts';
import type { Routes } from './route.ts';

/** Which of the running tasks are the tenant's: another tenant's are counted, not named. */
async function ownTasks(db: Queryable, tenantId: string, workers: readonly LiveWorker[]): Promise<Set<string>> {
  const running = workers.flatMap((worker) => worker.running.map((task) => task.id));
  if (running.length === 0) return new Set();
  const rows = await db.query<{ id: string }>(
    'select id from tasks_live where tenant_id = $1 and id = any ($2::uuid[])',
    [tenantId, running],
  );
  return new Set(rows.map((row) => row.id));
}

function workerJson(worker: LiveWorker, own: ReadonlySet<string>): WorkerJson {
  const { id, name, mode, queues, slots, running, started_at, seen_at } = worker;
  return {
    id,
    name,
    mode,
    queues,
    slots: { capacity: slots, busy: running.length },
    running: running
      .filter((task) => own.has(task.id))
      .map(({ id: task_id, task, queue, seconds }) => ({ task_id, task, queue, seconds })),
    started_at: started_at.toISOString(),
    seen_at: seen_at.toISOString(),
  };
}

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
    async ({ tenantId }) => {
      const workers = await deps.workers();
      const own = await ownTasks(deps.db, tenantId, workers);
      return { workers: workers.map((worker) => workerJson(worker, own)) };
    },
  );
};
