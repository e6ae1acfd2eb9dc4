/** What a dead worker process held, given back at once: its tasks, its jobs, its place among the live ones. */
import { setTimeout as wait } from 'node:timers/promises';
import type { Database } from '../db/index.ts';
import {
  type Broker,
  endOverdue,
  forgetWorker,
  type LiveSink,
  publishStates,
  type readOverdue,
  takeOverOwner,
} from '../runtime/index.ts';
import type { Logger } from '../telemetry/logger.ts';

export interface DeadWorkersDeps {
  readonly db: Database;
  readonly broker: Pick<Broker, 'ready' | 'releaseJobs'>;
  /** Told of what it was killed for. */
  readonly live: LiveSink;
  readonly log: Logger;
  /** Told when tasks were given back: they are due. */
  readonly onGivenBack: () => void;
}

export interface DeadWorker {
  /** Of its claims. */
  readonly owner: string;
  /** Runs that it was killed for. */
  readonly overdue: ReturnType<typeof readOverdue>;
}

/**
 * When it is done, ms after the death. Not once: of a process with its own connections to Postgres a last claim may still be
 * carried out there, and the database may be away. What comes later than this waits for the end of its lease.
 */
const roundsMs = [0, 1000, 5000];

export class DeadWorkers {
  readonly #deps: DeadWorkersDeps;

  constructor(deps: DeadWorkersDeps) {
    this.#deps = deps;
  }

  /**
   * Ends what it was killed for as TIMED_OUT, and puts back what else ran under this owner. No attempt and no death is
   * counted: each of its tasks runs alone in a child from now on, and only a death there counts. Never throws.
   * @param signal cuts later rounds short
   */
  async giveBack(worker: DeadWorker, signal?: AbortSignal): Promise<void> {
    let before = 0;
    let told = worker.overdue.length === 0;
    for (const at of roundsMs) {
      if (at > before) {
        if (signal?.aborted) return;
        await wait(at - before, undefined, signal ? { signal } : {}).catch(() => undefined);
        if (signal?.aborted) return;
      }
      before = at;
      const done = await this.#round(worker);
      if (done && !told) await this.#tell(worker);
      told ||= done;
    }
  }

  /** Whether it went through. */
  async #round({ owner, overdue }: DeadWorker): Promise<boolean> {
    const { db, broker, log, onGivenBack } = this.#deps;
    try {
      const timedOut = await endOverdue(db, overdue);
      if (timedOut.length > 0)
        log.error({ tasks: timedOut.length }, 'tasks timed out that kept the loop of their worker process busy');
      const tasks = await takeOverOwner(db, owner);
      await forgetWorker(db, owner);
      if (tasks > 0) log.warn({ tasks }, 'gave back the tasks of a worker process that died');
      if (broker.ready) await broker.releaseJobs(owner);
      if (tasks > 0) onGivenBack();
      return true;
    } catch (error) {
      log.warn({ err: error }, 'what a worker process held could not be given back yet');
      return false;
    }
  }

  /** Also of ends that its watchdog has written itself. */
  async #tell({ overdue }: DeadWorker): Promise<void> {
    const { db, live, log } = this.#deps;
    await publishStates(
      { live, db, log },
      overdue.map(({ fence }) => fence.id),
    );
  }
}
