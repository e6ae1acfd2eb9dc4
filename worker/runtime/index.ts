/** The runtime's public face. */
export { addJobs } from './add-jobs.ts';
export { type AutoscaleLimits, startAutoscale } from './autoscale.ts';
export { Broker } from './broker.ts';
export { Consumer, type ConsumerOptions } from './consumer.ts';
export { defineTask } from './define-task.ts';
export { dropJobs } from './drop-jobs.ts';
export {
  createEnqueuer,
  createLeaver,
  type Enqueuer,
  type FlowOwner,
  maxBatch,
  type TaskRequest,
} from './enqueue.ts';
export type { Executor } from './execution/executor.ts';
export { createExecutor, type HostSettings } from './execution/executors.ts';
export { type ForkedChild, forkChild, lastWordsFd } from './execution/fork-child.ts';
export { type HostParts, serveHost } from './execution/host.ts';
export { readOverdue } from './execution/last-words.ts';
export { standInFrontOfTheKiller } from './execution/out-of-memory.ts';
export { endOverdue } from './execution/overdue.ts';
export { createWatchdog } from './execution/watchdog.ts';
export { armFailpoint } from './failpoints.ts';
export {
  type AcceptedFlow,
  type Flow,
  FlowError,
  type FlowIds,
  type FlowTask,
  maxFlowDepth,
  maxFlowLinks,
  maxFlowTasks,
} from './flow.ts';
export { jobOf } from './job.ts';
export { type FetchedJob, JobSource } from './job-source.ts';
export type { Json } from './json.ts';
export { type Accepted, uniquePolicies } from './ledger/accept.ts';
export { leaseSeconds, takeOverAll, takeOverOwner } from './ledger/claim.ts';
export { dropDeadLetters, listDeadLetters, retryDeadLetters } from './ledger/dead-letters.ts';
export { StaleOwnerError } from './ledger/effects.ts';
export { cancelTask } from './ledger/finish.ts';
export { cancelFlow, type FlowMember, type FlowState, readFlow } from './ledger/flows.ts';
export type { Handover } from './ledger/handover.ts';
export * as ledger from './ledger/index.ts';
export { ensurePartitions, removeFinished } from './ledger/partitions.ts';
export { noRates, type Rate, removeFullBuckets } from './ledger/rates.ts';
export {
  listTasks,
  type QueueDepth,
  queueDepths,
  readTask,
  scheduledTasks,
  type TaskCursor,
  type TaskFilter,
  type TaskPage,
} from './ledger/read.ts';
export {
  isTerminal,
  type TaskError,
  type TaskRow,
  type TaskStatus,
  taskStatuses,
  terminalStatuses,
} from './ledger/rows.ts';
export type { WindowLimits } from './ledger/window.ts';
export {
  createLiveMetrics,
  isFinal,
  isStreamId,
  type ListenOptions,
  type LiveEvent,
  LiveHub,
  type LiveListener,
  type LiveMetrics,
  LivePublisher,
  LiveReader,
  type LiveScope,
  type LiveSink,
  noLive,
  publishStates,
  removedEvent,
} from './live/index.ts';
export { type Loop, type LoopOptions, startLoop } from './loop.ts';
export { createMaintenanceMetrics, type MaintenanceMetrics } from './maintenance-metrics.ts';
export { createRuntimeMetrics, type RuntimeMetrics } from './metrics.ts';
export {
  isNotDurableRow,
  type NotDurableDepth,
  type NotDurableRow,
  NotDurableTasks,
  notDurableDepth,
  purgeNotDurable,
} from './not-durable/index.ts';
export type { TaskOptions } from './options.ts';
export { type FieldIssue, maxPayloadBytes, PayloadError, parsePayload } from './payload.ts';
export { pausedQueues, purgeQueue, setQueuePaused } from './queue-control.ts';
export { startReconciler } from './reconciler.ts';
export { createRegistry, orphanQueues, type TaskRegistry } from './registry.ts';
export { startRelay } from './relay.ts';
export { defaultRetry, exponentialDelay, fixedDelay, type RetryPolicy } from './retry.ts';
export * from './schedules/index.ts';
export type { Isolation, Progress, RegisteredTask, TaskContext } from './task.ts';
export { TaskReader } from './task-reader.ts';
export { TaskWatcher } from './task-watcher.ts';
export {
  type Explained,
  type TaskWhy,
  type Why,
  type WhyCode,
  type WhyKind,
  whyKinds,
  whyQueue,
  whyReasons,
  whyTask,
} from './why/index.ts';
export { Window } from './window.ts';
export { forgetWorker, type LiveWorker, liveWorkers, registerWorker } from './worker-registry.ts';
