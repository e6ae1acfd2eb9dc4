import type { Json, TaskContext } from '../../runtime/index.ts';
import { assignTasks } from '../../services/knowledge/indexing-run.ts';

/**
 * One document one job: a task that names several sends one task for each, so that a bad document never re-runs a good one.
 * A task that names one does the work itself.
 */
export async function eachDocument(
  ctx: TaskContext,
  self: string,
  payload: { readonly tenant_id: string; readonly dataset_id: string; readonly document_ids: readonly string[] },
  work: (documentId: string) => Promise<Json>,
): Promise<Json> {
  const [only, ...others] = new Set(payload.document_ids);
  if (only !== undefined && others.length === 0) return work(only);
  const accepted = await ctx.effect('send one task a document', async (tx) => {
    const ids = [...new Set(payload.document_ids)];
    const sent = await ctx.enqueue(
      tx,
      ids.map((id) => ({ task: self, payload: { ...payload, document_ids: [id] } })),
    );
    const tasks = sent.map((task) => task.id);
    await assignTasks(tx, { tenantId: ctx.tenantId, datasetId: payload.dataset_id }, ids, tasks);
    return tasks;
  });
  return { task_ids: accepted };
}
