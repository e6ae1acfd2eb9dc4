import type { Json, TaskContext } from '../../runtime/index.ts';

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
    const sent = await ctx.enqueue(
      tx,
      [...new Set(payload.document_ids)].map((id) => ({ task: self, payload: { ...payload, document_ids: [id] } })),
    );
    return sent.map((task) => task.id);
  });
  return { task_ids: accepted };
}
