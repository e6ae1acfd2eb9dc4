/** One moment of the whole system: the ledger, Redis, and where each process stands between two of its steps. */
import type { Budget, Setting } from './rules.ts';

export type RowStatus = 'none' | 'PENDING' | 'QUEUED' | 'RUNNING' | 'RETRYING' | 'COMPLETED' | 'FAILED' | 'CANCELLED';

export const isFinished = (status: RowStatus) =>
  status === 'COMPLETED' || status === 'FAILED' || status === 'CANCELLED';

export const isWaiting = (status: RowStatus) => status === 'PENDING' || status === 'QUEUED' || status === 'RETRYING';

/**
 * In Redis: no job, one that waits, or an active one with the lock of a worker (its number), of nobody any more (`orphaned`), or with
 * none (`lapsed`).
 */
export type Job = 'none' | 'wait' | 'lapsed' | 'orphaned' | number;

export interface Task {
  status: RowStatus;
  epoch: number;
  /** `due_at` has come. */
  due: boolean;
  /** `lease_until` is ahead, by the database's clock. */
  leased: boolean;
  /** QUEUED for longer than the reconciler's grace. */
  aged: boolean;
  /** The effect's key is in the ledger. */
  key: boolean;
  /** How often the effect was done. */
  effects: number;
  /** Known to the checker only: the worker whose claim is the last that was granted and not withdrawn, or -1. */
  holder: number;
  job: Job;
  /** The job, when there is one, names no ledger: it is taken in by a new row. */
  readonly foreign: boolean;
  /** The job as the replica knows it, for as long as a failover may come. */
  replica: Job;
  /** An add that got no answer and may still run. */
  strayAdd: boolean;
  /** What the reconciler knows of this row: nothing, that it is QUEUED, that Redis does not know it. */
  reconciler: 'idle' | 'looked' | 'missing';
}

/** Whoever hands rows over: the process that accepted task n is number n, relays follow. */
export interface Hander {
  pc: 'new' | 'idle' | 'took' | 'failed' | 'done';
  task: number;
  epoch: number;
}

export type Outcome = 'dropped' | 'completed' | 'retrying' | 'failed' | 'handed_back' | 'overtaken';

export interface Worker {
  pc: 'idle' | 'fetched' | 'running' | 'worked' | 'effected' | 'acked' | 'unsure' | 'acking' | 'releasing' | 'cut_off';
  task: number;
  epoch: number;
  outcome: Outcome;
  /** It took the task from the ledger and holds no job. */
  pulled: boolean;
}

export interface State {
  readonly tasks: Task[];
  readonly handers: Hander[];
  readonly workers: Worker[];
  readonly left: { -readonly [K in keyof Budget]: number };
}

export function initial({ tasks, relays, workers, foreign, budget }: Setting): State {
  const task: Task = {
    status: 'none',
    epoch: 0,
    due: true,
    leased: false,
    aged: false,
    key: false,
    effects: 0,
    holder: -1,
    job: foreign ? 'wait' : 'none',
    foreign,
    replica: 'none',
    strayAdd: false,
    reconciler: 'idle',
  };
  return {
    tasks: Array.from({ length: tasks }, () => ({ ...task })),
    handers: Array.from({ length: tasks + relays }, (_, index) =>
      index < tasks ? { pc: foreign ? 'done' : 'new', task: index, epoch: 0 } : { pc: 'idle', task: 0, epoch: 0 },
    ),
    workers: Array.from({ length: workers }, () => ({
      pc: 'idle',
      task: 0,
      epoch: 0,
      outcome: 'dropped',
      pulled: false,
    })),
    left: { ...budget },
  };
}

export const copyOf = ({ tasks, handers, workers, left }: State): State => ({
  tasks: tasks.map((task) => ({ ...task })),
  handers: handers.map((hander) => ({ ...hander })),
  workers: workers.map((worker) => ({ ...worker })),
  left: { ...left },
});

/** What does not matter any more is made the same, so that fewer states differ. */
export function settle(state: State): void {
  for (const hander of state.handers) if (hander.pc === 'idle' || hander.pc === 'done') reset(hander);
  for (const worker of state.workers) {
    // without a job there is nothing to acknowledge
    if (worker.pulled && worker.pc === 'acking') worker.pc = 'idle';
    if (worker.pc === 'idle') reset(worker);
    if (worker.pc === 'idle') worker.pulled = false;
    if (worker.pc === 'fetched' || worker.pc === 'acking') worker.epoch = 0;
    if (worker.pc !== 'acking') worker.outcome = 'dropped';
  }
  for (const [index, task] of state.tasks.entries()) {
    task.job = lockOf(state, index, task.job);
    task.replica = state.left.losses === 0 ? 'none' : lockOf(state, index, task.replica);
    if (task.status !== 'QUEUED') task.aged = false;
    if (task.status !== 'RUNNING') {
      task.leased = false;
      task.holder = -1;
    }
  }
}

/** A worker's next fetch has another token: the lock of its last one is nobody's. */
function lockOf({ workers }: State, task: number, job: Job): Job {
  if (typeof job !== 'number') return job;
  const worker = workers[job];
  const works = worker?.task === task && worker.pc !== 'idle' && worker.pc !== 'releasing';
  return works ? job : 'orphaned';
}

function reset(process: Hander | Worker): void {
  process.task = 0;
  process.epoch = 0;
}

const bit = (value: boolean) => (value ? 1 : 0);

const workerKey = (worker: Worker) =>
  `${worker.pc},${worker.task},${worker.epoch},${worker.outcome},${bit(worker.pulled)}`;

/**
 * The state as a text. Workers are alike, so states that differ only in who is which have the same text: the workers are put in
 * order and named by their place.
 */
export function keyOf({ tasks, handers, workers, left }: State): string {
  const keys = workers.map(workerKey);
  const order = [...keys.keys()].sort((a, b) =>
    (keys[a] ?? '') < (keys[b] ?? '') ? -1 : keys[a] === keys[b] ? a - b : 1,
  );
  const named = (job: Job) => (typeof job === 'number' ? order.indexOf(job) : job);
  let text = Object.values(left).join('');
  for (const t of tasks) {
    const bits = bit(t.due) + 2 * bit(t.leased) + 4 * bit(t.aged) + 8 * bit(t.key) + 16 * bit(t.strayAdd);
    text += `;${t.status},${t.epoch},${bits},${t.effects},${order.indexOf(t.holder)},${named(t.job)},${named(t.replica)},${t.reconciler}`;
  }
  for (const h of handers) text += `;${h.pc},${h.task},${h.epoch}`;
  for (const who of order) text += `;${keys[who]}`;
  return text;
}
