/** Runs of tasks that came as jobs: each job is held from its fetch to its acknowledgement, and the next one comes with that. */
import { setTimeout as wait } from 'node:timers/promises';
import { validate as isUuid } from 'uuid';
import type { Database } from '../db/index.ts';
import type { QueueName } from '../queues.ts';
import { lockDurationMs } from '../redis/index.ts';
import type { Logger } from '../telemetry/logger.ts';
import { Bag } from './bag.ts';
import { failpoint } from './failpoints.ts';
import { takeIn } from './intake.ts';
import type { JobMeta } from './job.ts';
import type { FetchedJob, JobSource } from './job-source.ts';
import { reopen } from './ledger/handover.ts';
import type { ClaimedTask } from './ledger/rows.ts';
import type { RuntimeMetrics } from './metrics.ts';
import { type NotDurableRunDeps, notDurableMeta, runNotDurable } from './not-durable/index.ts';
import type { Run } from './pulled-runs.ts';
import type { Outcome } from './run-task.ts';

export interface JobRunsDeps {
  readonly db: Database;
  readonly metrics: RuntimeMetrics;
  readonly log: Logger;
  readonly defaultTenantId: string;
  /** Undefined: the row is held, finished, not due, or gone. */
  readonly claim: (id: string) => Promise<ClaimedTask | undefined>;
  /** An attempt. @throws when its end could not be written */
  readonly run: (task: ClaimedTask) => Promise<Outcome>;
  /** For tasks that the ledger knows nothing of. */
  readonly notDurable: NotDurableRunDeps;
  /** Told of a claim that may stand although no answer came. */
  readonly doubt: () => void;
  /** Whether the slot goes on with the queue's next job. */
  readonly wantsNext: (queue: QueueName) => boolean;
  /** A job came with an acknowledgement. False when the process stops, and it is to go back. */
  readonly goesOn: (queue: QueueName) => boolean;
}

/** One that came as a job. */
interface JobRun extends Run {
  readonly job: FetchedJob;
  /** Of the job's lock. */
  readonly token: string;
  /** Of a task that is not durable. */
  readonly notDurable: JobMeta | undefined;
}

/** Outcomes whose acknowledgement takes no job from a waiting row: the row is finished, or the job goes back to wait. */
const keepsItsJob: ReadonlySet<Outcome | 'dropped'> = new Set(['completed', 'failed', 'timed_out', 'handed_back']);
/** A slot whose job went back, since the ledger could not be asked, waits. */
const awayMs = 1000;

export class JobRuns {
  readonly #deps: JobRunsDeps;
  readonly #runs = new Bag<JobRun>();

  constructor(deps: JobRunsDeps) {
    this.#deps = deps;
  }

  get running(): Iterable<Run> {
    return this.#runs;
  }

  /** Runs a job, and goes on with the queue's next one, which comes with the acknowledgement, while nobody else wants the slot. */
  async work(source: JobSource, first: FetchedJob, token: string): Promise<void> {
    for (let job: FetchedJob | undefined = first; job; ) {
      const run: JobRun = {
        id: job.id ?? '',
        task: job.name,
        queue: source.queueName,
        startedAt: Date.now(),
        job,
        token,
        notDurable: notDurableMeta(job.data),
      };
      this.#runs.add(run);
      try {
        job = await this.#process(source, run);
      } finally {
        this.#runs.delete(run);
      }
      if (!job) return;
      if (this.#deps.goesOn(source.queueName)) continue;
      // asked for before the stop, answered after it; else its lock would have to lapse
      await source.handBack(job, token);
      return;
    }
  }

  /**
   * Renews the locks of what runs.
   * @param confirmed false while no lease could be renewed: cut off from the database, whoever takes the tasks over must not find their jobs locked
   */
  async renewLocks(sourceOf: (queue: QueueName) => JobSource | undefined, confirmed: boolean): Promise<void> {
    const all = [...this.#runs];
    const held = confirmed ? all : all.filter((run) => run.notDurable);
    for (const [queue, runs] of Map.groupBy(held, (run) => run.queue)) {
      const source = sourceOf(queue);
      if (!source) continue;
      const ids = runs.map((run) => run.id);
      const tokens = runs.map((run) => run.token);
      try {
        await source.extendJobLocks(ids, tokens, lockDurationMs);
      } catch (error) {
        this.#deps.log.debug({ err: error, queue }, 'job locks were not renewed');
      }
    }
  }

  /** Returns the next job when it came with the acknowledgement of this one. */
  async #process(source: JobSource, { job, token, notDurable }: JobRun): Promise<FetchedJob | undefined> {
    const { db, claim, run, metrics, doubt, log, defaultTenantId } = this.#deps;
    if (notDurable) {
      const wantsNext = () => this.#deps.wantsNext(source.queueName);
      return runNotDurable(this.#deps.notDurable, { source, job, meta: notDurable, token, wantsNext });
    }
    const incoming = {
      id: job.id ?? '',
      name: job.name,
      queue: source.queueName,
      timestamp: job.timestamp,
      data: job.data,
    };
    failpoint('fetched');
    let outcome: Outcome | 'dropped' = 'dropped';
    let taskId = incoming.id;
    try {
      const intake = await takeIn({ db, claim, defaultTenantId }, incoming);
      if (intake.kind === 'claimed') {
        failpoint('claimed');
        taskId = intake.task.fence.id;
        outcome = await run(intake.task);
      } else {
        metrics.jobDropped(source.queueName);
      }
    } catch (error) {
      log.warn({ err: error, task_id: job.id }, 'the ledger could not be asked; the job goes back to its queue');
      doubt();
      await source.handBack(job, token).catch(() => undefined);
      await wait(awayMs, undefined, { ref: false });
      return undefined;
    }
    failpoint('end_committed');
    const next = await this.#acknowledge(source, job, token, outcome);
    if (!keepsItsJob.has(outcome) && isUuid(taskId)) await this.#reopen(taskId);
    return next;
  }

  /** The ledger has the truth already: a job that cannot be acknowledged is dropped when it comes again. */
  async #acknowledge(
    source: JobSource,
    job: FetchedJob,
    token: string,
    outcome: Outcome | 'dropped',
  ): Promise<FetchedJob | undefined> {
    try {
      if (outcome !== 'handed_back')
        return await source.acknowledge(job, token, this.#deps.wantsNext(source.queueName));
      await source.handBack(job, token);
    } catch (error) {
      this.#deps.log.debug({ err: error, task_id: job.id }, 'job was not acknowledged');
    }
    return undefined;
  }

  async #reopen(taskId: string): Promise<void> {
    try {
      await reopen(this.#deps.db, taskId);
    } catch (error) {
      this.#deps.log.debug({ err: error, task_id: taskId }, 'row was not opened to the relay; the reconciler will');
    }
  }
}
