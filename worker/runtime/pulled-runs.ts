/** Runs of tasks that a worker took straight from the ledger: as those that come as jobs, with nothing to acknowledge. */
import { setTimeout as wait } from 'node:timers/promises';
import type { Database } from '../db/index.ts';
import type { QueueName } from '../queues.ts';
import type { Logger } from '../telemetry/logger.ts';
import { Bag } from './bag.ts';
import { failpoint } from './failpoints.ts';
import { handBack } from './ledger/finish.ts';
import type { ClaimedTask } from './ledger/rows.ts';
import type { RuntimeMetrics } from './metrics.ts';
import type { Puller } from './puller.ts';
import type { Backlog } from './queue-loop.ts';
import type { Slot } from './slots.ts';

/** What a process runs, for who asks. */
export interface Run {
  readonly id: string;
  readonly task: string;
  readonly queue: QueueName;
  readonly startedAt: number;
}

export interface PulledRunsDeps {
  readonly db: Database;
  readonly puller: Puller;
  readonly metrics: RuntimeMetrics;
  readonly log: Logger;
  /** An attempt. @throws when its end could not be written */
  readonly run: (task: ClaimedTask) => Promise<unknown>;
  /** Keeps a slot until its work has ended. */
  readonly occupy: (slot: Slot, queue: QueueName, work: Promise<void>) => void;
  /** Told of a claim that may stand although no answer came: its rows are found by their owner's name and put back. */
  readonly doubt: () => void;
}

/** After an attempt whose end the ledger did not take its slot waits, as the database is away. */
const awayMs = 1000;

export class PulledRuns implements Backlog {
  readonly #deps: PulledRunsDeps;
  readonly #runs = new Bag<Run>();

  constructor(deps: PulledRunsDeps) {
    this.#deps = deps;
  }

  get running(): Iterable<Run> {
    return this.#runs;
  }

  /** For how long the oldest had been due that was just pulled, seconds; undefined while nothing is. */
  get backlogSeconds(): number | undefined {
    return this.#deps.puller.backlogSeconds;
  }

  flows(queue: QueueName): boolean {
    return this.#deps.puller.flows(queue);
  }

  async pull(queue: QueueName, most: number): Promise<readonly ClaimedTask[]> {
    const { puller, metrics, doubt } = this.#deps;
    try {
      const tasks = await puller.pull(queue, most);
      if (tasks.length > 0) metrics.tasksPulled(queue, tasks.length);
      return tasks;
    } catch (error) {
      doubt();
      throw error;
    }
  }

  start(task: ClaimedTask, slot: Slot): void {
    this.#deps.occupy(slot, task.queue, this.#run(task));
  }

  /** One that cannot be undone now is found by its owner's name, or lapses. */
  async giveBack({ fence }: ClaimedTask): Promise<void> {
    const { db, log, doubt } = this.#deps;
    try {
      await handBack(db, fence, false);
    } catch (error) {
      log.warn({ err: error, task_id: fence.id }, 'a claim was not given back; it is looked for');
      doubt();
    }
  }

  async #run(task: ClaimedTask): Promise<void> {
    const { run: runTask, log, doubt } = this.#deps;
    const run: Run = { id: task.fence.id, task: task.name, queue: task.queue, startedAt: Date.now() };
    this.#runs.add(run);
    try {
      failpoint('pulled');
      failpoint('claimed');
      await runTask(task);
      failpoint('end_committed');
    } catch (error) {
      log.warn({ err: error, task_id: run.id }, 'the ledger could not be asked; the task is put back');
      doubt();
      await wait(awayMs, undefined, { ref: false });
    } finally {
      this.#runs.delete(run);
    }
  }
}
