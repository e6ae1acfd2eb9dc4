/** Why a task or a queue does not move: asked here, read from the ledger and Redis, decided without either. */
import type { QueueName } from '../../queues.ts';
import { decideQueue } from './decide-queue.ts';
import { decideTask } from './decide-task.ts';
import type { NamedTask } from './facts.ts';
import { readOwn, readQueueFacts } from './read-queue.ts';
import { readTaskFacts, type TaskWhyDeps } from './read-task.ts';
import type { Why } from './reason.ts';

export { type Why, type WhyCode, type WhyKind, whyKinds, whyReasons } from './reason.ts';

/** The answer for one task. */
export interface TaskWhy {
  readonly task: NamedTask & { readonly queue: QueueName };
  readonly why: Why;
}

/** An answer, and that of the task that it leads to: the one that a flow waits for, the one that is next in a queue. */
export interface Explained extends TaskWhy {
  readonly because: TaskWhy | undefined;
}

async function taskWhy(
  deps: TaskWhyDeps,
  tenantId: string,
  id: string,
): Promise<(TaskWhy & { root: string | undefined }) | undefined> {
  const facts = await readTaskFacts(deps, tenantId, id);
  if (!facts) return undefined;
  const { task, queue, status } = facts.task;
  return { task: { id, task, status, queue }, why: decideTask(facts), root: facts.parents?.roots[0]?.id };
}

/** Why a task of the tenant does not move; undefined when it has none of this id. @throws MillraceError `redis_unavailable` when only Redis could know the task */
export async function whyTask(deps: TaskWhyDeps, tenantId: string, id: string): Promise<Explained | undefined> {
  const found = await taskWhy(deps, tenantId, id);
  if (!found) return undefined;
  const { root, ...own } = found;
  // what a flow hangs on waits for no other task: one step is all
  const because = root === undefined ? undefined : await taskWhy(deps, tenantId, root);
  return { ...own, because: because && { task: because.task, why: because.why } };
}

/** Why a queue does not move, as far as it is the tenant's own tasks that it holds. */
export async function whyQueue(
  deps: TaskWhyDeps,
  tenantId: string,
  queue: QueueName,
): Promise<{ readonly why: Why; readonly because: TaskWhy | undefined }> {
  const [facts, own] = await Promise.all([readQueueFacts(deps, tenantId, queue), readOwn(deps.db, tenantId, queue)]);
  const head = own.head && (await taskWhy(deps, tenantId, own.head.id));
  const because = head && { task: head.task, why: head.why };
  return { why: decideQueue({ queue: facts, own, head: because?.why }), because };
}
