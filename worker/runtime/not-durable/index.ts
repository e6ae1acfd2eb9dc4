export { type NotDurableDepth, notDurableDepth, purgeNotDurable } from './in-queue.ts';
export { notDurableMeta } from './job.ts';
export { asksNotDurable, refuseInTransaction } from './refusals.ts';
export { isNotDurableRow, type NotDurableRow } from './row.ts';
export { type NotDurableRunDeps, retryDelayMs, runNotDurable } from './run.ts';
export { createSender } from './send.ts';
export { NotDurableTasks } from './tasks.ts';
