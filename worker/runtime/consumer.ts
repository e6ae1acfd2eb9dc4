/** A worker process: one loop a queue, shared slots, and the runs they start. */
import { randomUUID } from 'node:crypto';
import type { Database } from '../db/index.ts';
import { type QueueName, queuePrefix, queues } from '../queues.ts';
import { lockDurationMs, type RedisConnection } from '../redis/index.ts';
import type { Logger } from '../telemetry/logger.ts';
import { within } from '../within.ts';
import { Bag } from './bag.ts';
import type { Executor } from './execution/executor.ts';
import { Grouped } from './grouped.ts';
import { JobRuns } from './job-runs.ts';
import { JobSource, type JobSourceOptions } from './job-source.ts';
import { Leases } from './leases.ts';
import { claimTasks } from './ledger/claim.ts';
import { type Completion, completeTasks } from './ledger/finish.ts';
import type { ClaimedTask } from './ledger/rows.ts';
import { type LiveSink, noLive } from './live/publisher.ts';
import { type Loop, startLoop } from './loop.ts';
import type { RuntimeMetrics } from './metrics.ts';
import { retryDelayMs } from './not-durable/index.ts';
import { PulledRuns } from './pulled-runs.ts';
import { Puller } from './puller.ts';
import { QueueLoop } from './queue-loop.ts';
import type { TaskRegistry } from './registry.ts';
import { type Outcome, runTask } from './run-task.ts';
import { type Slot, Slots } from './slots.ts';
import { unknownTask } from './unknown-task.ts';
import type { Window } from './window.ts';

export interface ConsumerOptions {
  readonly db: Database;
  /** For claims of jobs, good ends and leases, so that they wait for no connection that handlers hold; left out, `db`. */
  readonly reserved?: Database | undefined;
  /** Where handlers run; the caller closes it after `stop`. */
  readonly executor: Executor;
  /** Of use `consumer`; the caller closes it after `stop`. */
  readonly connection: RedisConnection;
  readonly registry: TaskRegistry;
  readonly queues: readonly QueueName[];
  readonly slots: number;
  /** Name of this process, for people. */
  readonly worker: string;
  /** The owner of its claims, a UUID that no other consumer has; made here when it is left out. */
  readonly owner?: string | undefined;
  readonly defaultTenantId: string;
  readonly metrics: RuntimeMetrics;
  /** Told of what runs here, for who watches; left out, nobody is. */
  readonly live?: LiveSink | undefined;
  readonly log: Logger;
  /** How a queue's jobs are had; a test may open one that hangs. */
  readonly openSource?: ((options: JobSourceOptions) => JobSource) | undefined;
  /** When a queue counts as silent; shorter in tests. */
  readonly silentLimitMs?: number | undefined;
  /** What this process's relay knows of the backlog, which is then taken from; left out, all work comes through Redis. */
  readonly window?: Window | undefined;
  /** For so long after the start no claim takes a lapsed lease over, as with the reconciler. */
  readonly quietMs?: number | undefined;
  /** Told when a task has completed that others wait for: one of them may be due now. */
  readonly onLed?: (() => void) | undefined;
}

const lockRenewalMs = lockDurationMs / 3;
/**
 * After the grace period: for handlers to heed their signal (5 s) and for what then goes to the ledger and to Redis. While Redis
 * is away its commands wait for it without end, and a process must be able to stop all the same: leases and locks then lapse.
 */
const handBackMs = 10_000;
/** How often silent queues are looked for, and when a queue counts as silent: an idle one is heard from each 5 s, its longest block. */
const watchIntervalMs = 5000;
const silentLimitMs = 20_000;
/** Redis is asked what waits for no longer than this: when it is away there is nothing to rebuild. */
const watchTimeoutMs = 2000;

/** Claims and good ends of a process are written together: most of them in one statement, and statements side by side. */
const groupedWrites = { most: 200, lanes: 2 };
/**
 * Ends that come one by one go together: at half of capacity, a statement for forty of them, and as few calls to Redis. A third of the slots is
 * enough to wait for no more, since each is held until its end is written.
 */
const endsSpacing = (slots: number) => ({ ms: 8, enough: Math.min(64, Math.ceil(slots / 3)) });

export class Consumer {
  readonly #options: ConsumerOptions;
  readonly #owner: string;
  readonly #slots: Slots;
  readonly #leases: Leases;
  readonly #queueLoops = new Map<QueueName, QueueLoop>();
  readonly #claims: Grouped<string, ClaimedTask | undefined>;
  readonly #completions: Grouped<Completion, boolean>;
  readonly #jobRuns: JobRuns;
  /** Slots that work, each from one job to the next. */
  readonly #chains = new Bag<Promise<void>>();
  readonly #draining = new AbortController();
  /** Undefined: all work comes through Redis. */
  readonly #pulled: PulledRuns | undefined;
  readonly #lockTimer: NodeJS.Timeout;
  #watch: Loop | undefined;
  #stopping = false;
  #tokens = 0;

  constructor(options: ConsumerOptions) {
    const { db, reserved = db, log, worker } = options;
    this.#options = options;
    this.#owner = options.owner ?? randomUUID();
    this.#slots = new Slots(options.slots);
    this.#leases = new Leases(reserved, this.#owner, log, options.quietMs);
    this.#claims = new Grouped({
      ...groupedWrites,
      write: (ids) => claimTasks(reserved, ids, this.#owner, worker, this.#leases.mayTakeOver),
    });
    this.#completions = new Grouped({
      ...groupedWrites,
      spacing: endsSpacing(options.slots),
      write: (ends) => completeTasks(reserved, ends),
    });
    this.#pulled = options.window && this.#openBacklog(options.window);
    this.#jobRuns = this.#openJobRuns();
    const sourceOf = (queue: QueueName) => this.#queueLoops.get(queue)?.source;
    const renew = () => void this.#jobRuns.renewLocks(sourceOf, this.#leases.confirmed);
    this.#lockTimer = setInterval(renew, lockRenewalMs);
  }

  start(): void {
    for (const queue of this.#options.queues) this.#queueLoops.set(queue, this.#openLoop(queue));
    const round = () => this.#rebuildSilent();
    this.#watch = startLoop({ name: 'consumer watchdog', intervalMs: watchIntervalMs, log: this.#options.log, round });
  }

  #openLoop(queue: QueueName): QueueLoop {
    const { connection, worker, registry, log, openSource = (options) => new JobSource(options) } = this.#options;
    const source = openSource({
      queue,
      connection,
      workerName: worker,
      retryDelayMs: (name, attempts) => retryDelayMs(registry, name, attempts),
    });
    source.on('error', (error) => log.debug({ err: error, queue }, 'job source error'));
    return new QueueLoop({
      source,
      slots: this.#slots,
      token: () => `${this.#owner}:${this.#tokens++}`,
      start: (source, job, token, slot) => this.#occupy(slot, queue, this.#jobRuns.work(source, job, token)),
      backlog: this.#pulled,
      log,
    });
  }

  #openBacklog(window: Window): PulledRuns {
    const { db, worker, metrics, log } = this.#options;
    return new PulledRuns({
      db,
      puller: new Puller({ db, window, owner: this.#owner, worker }),
      metrics,
      log,
      run: (task) => this.#run(task),
      occupy: (slot, queue, work) => this.#occupy(slot, queue, work),
      doubt: () => this.#leases.doubt(),
    });
  }

  #openJobRuns(): JobRuns {
    const { db, executor, registry, metrics, live = noLive, log, defaultTenantId } = this.#options;
    return new JobRuns({
      db,
      metrics,
      log,
      defaultTenantId,
      claim: (id) => this.#claims.add(id),
      run: (task) => this.#run(task),
      notDurable: { executor, registry, metrics, live, log, owner: this.#owner, draining: this.#draining.signal },
      doubt: () => this.#leases.doubt(),
      wantsNext: (queue) => !this.#stopping && !this.#slots.wantedBeside(queues[queue].tier, queue),
      goesOn: (queue) => {
        this.#queueLoops.get(queue)?.heard();
        return !this.#stopping;
      },
    });
  }

  /** Of its claims. */
  get owner(): string {
    return this.#owner;
  }

  get slots(): { readonly capacity: number; readonly busy: number } {
    return this.#slots;
  }

  /** For how long the oldest had been due that was just taken straight from the ledger, seconds; undefined while nothing is. */
  get backlogSeconds(): number | undefined {
    return this.#pulled?.backlogSeconds;
  }

  /** Runs so many side by side from now on; those beyond them end first. */
  resize(slots: number): void {
    this.#slots.resize(slots);
  }

  get running(): { readonly id: string; readonly task: string; readonly queue: string; readonly seconds: number }[] {
    const now = Date.now();
    return [...this.#jobRuns.running, ...(this.#pulled?.running ?? [])].map(({ id, task, queue, startedAt }) => ({
      id,
      task,
      queue,
      seconds: (now - startedAt) / 1000,
    }));
  }

  /** Queues whose loop has heard nothing from Redis for `ms`, or never, although there is a slot to give. */
  silentQueues(ms: number): QueueName[] {
    if (this.#slots.busy >= this.#slots.capacity) return [];
    const loops = [...this.#queueLoops.values()];
    return loops.filter((loop) => !loop.everHeard || loop.silentMs > ms).map(({ queue }) => queue);
  }

  /** Jobs that wait in Redis, of these queues, those of tasks that are not durable among them; undefined when it gives no answer in time. */
  async waitingJobs(ofQueues: readonly QueueName[]): Promise<number | undefined> {
    const counts = await Promise.all(ofQueues.map((queue) => this.#waitingJobs(queue)));
    return counts.reduce(
      (sum: number | undefined, count) => (sum === undefined || count === undefined ? undefined : sum + count),
      0,
    );
  }

  /** A loop that hears nothing while jobs wait and Redis answers hangs, whatever it hangs on: it is given up for a new one. */
  async #rebuildSilent(): Promise<undefined> {
    const { log, metrics } = this.#options;
    for (const [queue, loop] of this.#queueLoops) {
      if (this.#stopping || loop.silentMs <= (this.#options.silentLimitMs ?? silentLimitMs)) continue;
      const waiting = await this.#waitingJobs(queue);
      if (!waiting || this.#stopping) continue;
      log.error({ queue, silent_ms: loop.silentMs, waiting }, 'a consumer stopped while jobs wait; it is built anew');
      metrics.consumerRebuilt(queue);
      this.#queueLoops.set(queue, this.#openLoop(queue));
      await loop.close();
    }
    return undefined;
  }

  /** Jobs of a queue that wait in Redis; undefined when it does not answer in time. */
  async #waitingJobs(queue: QueueName): Promise<number | undefined> {
    const { connection } = this.#options;
    const key = `${queuePrefix(queue)}:${queue}`;
    const counts = Promise.all([connection.llen(`${key}:wait`), connection.zcard(`${key}:prioritized`)]);
    const answer = await within(watchTimeoutMs, counts, () => undefined).catch(() => undefined);
    return answer?.reduce((sum, count) => sum + count, 0);
  }

  /**
   * Stops fetching, lets runs finish for `graceMs`, then hands the rest back without counting an attempt.
   */
  async stop(graceMs: number): Promise<void> {
    if (this.#stopping) return;
    this.#stopping = true;
    this.#slots.close();
    for (const loop of this.#queueLoops.values()) loop.stop();
    const all = () => Promise.allSettled(this.#chains);
    await within(graceMs, all(), () => undefined);
    if (this.#chains.size > 0) {
      this.#options.log.info({ running: this.#chains.size }, 'grace period is over; handing back what still runs');
      this.#draining.abort();
      await within(handBackMs, all(), () => undefined);
    }
    clearInterval(this.#lockTimer);
    await this.#watch?.stop();
    // what they were answered last goes back before nobody asks for claims any more
    await Promise.all([...this.#queueLoops.values()].map((loop) => loop.close()));
    await this.#leases.stop();
  }

  /** Keeps a slot until its work has ended. */
  #occupy(slot: Slot, queue: QueueName, work: Promise<void>): void {
    const chain = work
      .catch((error) => this.#options.log.error({ err: error, queue }, 'a slot ended with an error'))
      .finally(() => {
        this.#chains.delete(chain);
        slot.release();
      });
    this.#chains.add(chain);
  }

  /** An attempt of a claimed task. @throws when its end could not be written */
  async #run(task: ClaimedTask): Promise<Outcome> {
    const { db, executor, registry, metrics, live = noLive, log } = this.#options;
    const definition = registry.get(task.name) ?? unknownTask(task.name, task.queue, registry.names);
    using observed = metrics.taskStarted(task);
    observed.outcome = await runTask(
      {
        db,
        executor,
        leases: this.#leases,
        complete: (completion) => this.#completions.add(completion),
        live,
        log,
        draining: this.#draining.signal,
      },
      definition,
      task,
    );
    if (task.leads && observed.outcome === 'completed') this.#options.onLed?.();
    return observed.outcome;
  }
}
