/** What a key may listen to: what is its tenant's, and of that a task only if it is there. */
import { isNotDurableRow, type LiveScope } from '../../runtime/index.ts';
import { ApiError, taskNotFound } from '../problems/api-error.ts';
import type { RouteDeps } from '../routes/route.ts';

/** What a listener asks for: one task, a user, or with neither the whole tenant. */
export interface Asked {
  readonly task_id?: string | undefined;
  readonly user_id?: string | undefined;
  readonly tenant_id?: string | undefined;
}

/** @throws ApiError `not_found` for another tenant, `task_not_found` for a task that is not there or another tenant's */
export async function scopeOf(reader: RouteDeps['reader'], tenantId: string, asked: Asked): Promise<LiveScope> {
  if (asked.tenant_id !== undefined && asked.tenant_id.toLowerCase() !== tenantId) {
    throw new ApiError({ code: 'not_found', message: `There is no tenant ${asked.tenant_id}.` });
  }
  if (asked.user_id !== undefined) return { kind: 'user', userId: asked.user_id };
  if (asked.task_id === undefined) return { kind: 'tenant' };
  const { task_id: id } = asked;
  const row = await reader.read(tenantId, id);
  if (!row) throw taskNotFound(id);
  return { kind: 'task', taskId: row.id, durable: !isNotDurableRow(row) };
}
