/** Flows of `note` tasks in the ledger alone: nobody hands them over or runs them. */
import type { Database } from '../../worker/db/index.ts';
import { planFlow } from '../../worker/runtime/flow-plan.ts';
import type { AcceptedFlow, Flow } from '../../worker/runtime/index.ts';
import { acceptFlow } from '../../worker/runtime/ledger/flows.ts';

export async function acceptNotes(db: Database, tenantId: string, flow: Flow): Promise<AcceptedFlow> {
  const plan = planFlow(flow, ({ task, payload, options = {} }) => ({
    name: task,
    tenantId,
    payload: JSON.stringify(payload),
    queue: options.queue ?? 'fast_tasks',
    id: options.taskId,
    countdownSeconds: options.countdownSeconds,
    expiresSeconds: options.expiresSeconds,
  }));
  const { flowId, ids, created } = await acceptFlow(db, {
    tenantId,
    flowId: undefined,
    digest: plan.digest,
    rows: plan.tasks,
  });
  return { flowId, tasks: plan.shape(ids), created };
}
