/** Statements of the ledger, for suites that run them against each other on real databases. Tasks and processes have no use for them. */
export { acceptTasks } from './accept.ts';
export { claimTasks, renewLeases, stillHeld, takeOverLapsed } from './claim.ts';
export { giveUpAfterDeath } from './deaths.ts';
export { runEffect } from './effects.ts';
export { completeTasks, expireTasks, failTask } from './finish.ts';
export { parentResults } from './flow-results.ts';
export { putBack, release, reopen } from './handover.ts';
export { pullTasks } from './pull.ts';
export { readTasks } from './read.ts';
export type { ClaimedTask, Fence } from './rows.ts';
export { readWindow, refill } from './window.ts';
