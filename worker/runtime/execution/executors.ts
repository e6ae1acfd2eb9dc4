/** Which handler runs where: by the worker's class, by what a task needs, and by what became of its last process. */
import type { WorkerClass } from '../../config/config.ts';
import type { Database } from '../../db/index.ts';
import type { Logger } from '../../telemetry/logger.ts';
import type { Enqueuer } from '../enqueue.ts';
import type { ClaimedTask, Fence } from '../ledger/rows.ts';
import type { RegisteredTask } from '../task.ts';
import type { Ended, Executor, RunControl } from './executor.ts';
import { HostExecutor } from './host-executor.ts';
import { HostPool } from './host-pool.ts';
import { LoopExecutor } from './loop-executor.ts';
import type { HostDatabase } from './messages.ts';
import { Places } from './places.ts';
import { startChild, startThread } from './started-host.ts';
import type { Watchdog } from './watchdog.ts';

export interface HostSettings {
  /** The module of hosts: it calls `serveHost`. */
  readonly entry: URL;
  /** Tasks after which a host is replaced; 0 is never. */
  readonly maxTasks: number;
  /** A host over it is replaced after its task; its heap ends there; over twice as much it is killed. */
  readonly maxMemoryMib: number;
}

export interface ExecutorOptions {
  readonly workerClass: WorkerClass;
  readonly db: Database;
  readonly enqueuer: Pick<Enqueuer, 'leave'>;
  /** Undefined: everything runs on the loop, suspects too, for want of a module that knows the tasks. */
  readonly hosts: HostSettings | undefined;
  readonly watchdog?: Watchdog | undefined;
  /** Told of handlers on the loop that neither heed their signal nor end. */
  readonly onLost: (run: { readonly task: string; readonly fence: Fence }) => void;
  /** Shorter in tests. */
  readonly lostAfterMs?: number | undefined;
  readonly log: Logger;
}

/** A killed worker's tasks come all at once, and each wants a child to itself: so many run in a process, the others wait outside. */
const maxSuspects = 4;
/** Short ones pass through in their turn; who would hold a slot for longer comes back later. */
const suspectWaitMs = 500;
const suspectDelayMs = 1000;
/** Memory at which a host is killed in the middle of its task, of that past which it is replaced. */
const killFactor = 2;
const mib = 1024 * 1024;

export function createExecutor(options: ExecutorOptions): Executor {
  const loop = new LoopExecutor(options);
  return options.hosts ? new Executors(options, options.hosts, loop) : loop;
}

class Executors implements Executor {
  readonly #options: ExecutorOptions;
  readonly #hosts: HostSettings;
  readonly #loop: LoopExecutor;
  /** By where, and with which database. */
  readonly #hosted = new Map<string, HostExecutor>();
  readonly #suspects = new Places(maxSuspects);

  constructor(options: ExecutorOptions, hosts: HostSettings, loop: LoopExecutor) {
    this.#options = options;
    this.#hosts = hosts;
    this.#loop = loop;
  }

  run(task: RegisteredTask, claimed: ClaimedTask, control: RunControl): Promise<Ended> {
    if (claimed.suspect) return this.#runSuspect(task, claimed, control);
    return this.#executor(task.isolation?.in ?? placeOf[this.#options.workerClass], task).run(task, claimed, control);
  }

  async close(): Promise<void> {
    await Promise.all([this.#loop, ...this.#hosted.values()].map((executor) => executor.close()));
  }

  async #runSuspect(task: RegisteredTask, claimed: ClaimedTask, control: RunControl): Promise<Ended> {
    // a slot of prefork is a child of its own already
    if (this.#options.workerClass === 'prefork') return this.#executor('process', task).run(task, claimed, control);
    if (!(await this.#suspects.take(suspectWaitMs)))
      return { postponed: `${maxSuspects} tasks run alone already`, delayMs: suspectDelayMs };
    try {
      return await this.#executor('process', task).run(task, claimed, control);
    } finally {
      this.#suspects.give();
    }
  }

  #executor(place: Place, task: RegisteredTask): Executor {
    if (place === 'loop') return this.#loop;
    const { db, log } = this.#options;
    const { entry, maxTasks, maxMemoryMib } = this.#hosts;
    const database = databaseOf(task, db);
    const name = `${place} ${database}`;
    const known = this.#hosted.get(name);
    if (known) return known;
    const start = place === 'thread' ? startThread : startChild;
    const pool = new HostPool({
      name,
      database,
      start: () => start({ entry, heapMib: maxMemoryMib }),
      maxTasks,
      maxMemoryBytes: maxMemoryMib * mib,
      log,
    });
    const made = new HostExecutor({ db, pool, killAtBytes: killFactor * maxMemoryMib * mib });
    this.#hosted.set(name, made);
    return made;
  }
}

type Place = 'loop' | 'thread' | 'process';
const placeOf: Record<WorkerClass, Place> = { async: 'loop', solo: 'loop', threads: 'thread', prefork: 'process' };

function databaseOf({ isolation }: RegisteredTask, { driver }: Database): HostDatabase {
  if (isolation?.database === false) return 'none';
  return driver === 'pglite' ? 'lent' : 'own';
}
