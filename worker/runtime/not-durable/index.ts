export { isNotDurable, notDurableMeta } from './job.ts';
export { asksNotDurable, needsLedger, refuseInTransaction } from './refusals.ts';
export { isNotDurableRow, type NotDurableRow } from './row.ts';
export { type HeldJob, type NotDurableRunDeps, retryDelayMs, runNotDurable } from './run.ts';
export { createSender, type SendNotDurable } from './send.ts';
export { NotDurableTasks } from './tasks.ts';
