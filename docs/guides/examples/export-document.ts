/** Writes the text of an indexed document into one file in storage, and notes on the document where it lies. */
import { z } from 'zod';
import { PermanentError } from '../../../worker/errors.ts';
import { defineTask, fixedDelay, type RegisteredTask, type TaskContext } from '../../../worker/runtime/index.ts';
import type { TaskServices } from '../../../worker/services/task-services.ts';

/** Segments read at a time. */
const pageSize = 200;

export const exportDocument = (services: Pick<TaskServices, 'db' | 'storage'>): RegisteredTask =>
  defineTask({
    name: 'export_document_task',
    queue: 'dataset',
    description: 'Writes the text of a document into one file in storage.',
    payload: z.strictObject({ document_id: z.uuid() }),
    retry: { retries: 5, delaySeconds: fixedDelay(30) },
    handle: async (ctx, { document_id: documentId }) => {
      const segments = await countSegments(services, ctx, documentId);
      const file = await ctx.external('write', async (key) => {
        const { key: path, sizeBytes } = await services.storage.put(
          `exports/${ctx.tenantId}/${key.replaceAll(':', '-')}.txt`,
          textOf(services, ctx, documentId, segments),
        );
        return { path, bytes: sizeBytes };
      });
      await ctx.effect('note', async (tx) => {
        await tx.query(
          'update documents set metadata = metadata || $3::jsonb, updated_at = now() where tenant_id = $1 and id = $2',
          [ctx.tenantId, documentId, JSON.stringify({ export: file.path })],
        );
        return true;
      });
      ctx.progress({ step: 'written', fraction: 1 });
      return { segments, ...file };
    },
  });

async function countSegments({ db }: Pick<TaskServices, 'db'>, ctx: TaskContext, documentId: string): Promise<number> {
  const [document] = await db.query<{ total: number }>(
    `select total_segments as total from documents
      where tenant_id = $1 and id = $2 and deleted_at is null and indexing_status = 'completed'`,
    [ctx.tenantId, documentId],
  );
  if (document) return document.total;
  throw new PermanentError({
    code: 'document_not_indexed',
    message: `There is no document ${documentId} that is indexed.`,
    hint: 'Wait until its indexing_status is completed.',
  });
}

/** The segments one after another; stops between two pages when the task is cancelled. */
async function* textOf(
  { db }: Pick<TaskServices, 'db'>,
  ctx: TaskContext,
  documentId: string,
  segments: number,
): AsyncGenerator<Uint8Array> {
  for (let after = 0; after < segments; after += pageSize) {
    ctx.signal.throwIfAborted();
    ctx.progress({ step: 'writing', fraction: after / segments });
    const rows = await db.query<{ content: string }>(
      `select content from segments where tenant_id = $1 and document_id = $2 and position > $3 and position <= $4
        order by position`,
      [ctx.tenantId, documentId, after, after + pageSize],
    );
    yield Buffer.from(rows.map((row) => `${row.content}\n`).join(''));
  }
}
