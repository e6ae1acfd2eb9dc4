/** Payloads and bounds that several dataset tasks share. */
import { z } from 'zod';
import { PermanentError } from '../../errors.ts';
import type { TaskContext } from '../../runtime/index.ts';

/** Most documents one task may name; more come as several tasks. */
const maxDocuments = 1000;

/** A document of 200 MB, embedded by the embedded model on one core, takes hours; each batch of it is kept. */
export const indexingTimeLimitSeconds = 12 * 3600;

export const documentIds = z.array(z.uuid()).min(1).max(maxDocuments);

export const documentsPayload = z.strictObject({
  tenant_id: z.uuid(),
  dataset_id: z.uuid(),
  document_ids: documentIds,
});

export const documentPayload = z.strictObject({ tenant_id: z.uuid(), dataset_id: z.uuid(), document_id: z.uuid() });

/** @throws PermanentError when a payload names another tenant than the task's own. */
export function checkTenant(ctx: TaskContext, payload: { readonly tenant_id: string }): void {
  if (payload.tenant_id === ctx.tenantId) return;
  throw new PermanentError({
    code: 'tenant_mismatch',
    message: `The payload names tenant ${payload.tenant_id}; the task belongs to another.`,
    hint: "Send it with that tenant's key.",
  });
}
