/**
 * Mode `all` runs its tasks in a child: a task that kills its process, or the watchdog that kills one whose loop stands still,
 * takes neither API nor database with it. The supervisor keeps one child running, and gives back at once what a dead one held.
 */
import { randomUUID } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import { type Database, lendDatabase } from '../db/index.ts';
import { StartError } from '../errors.ts';
import { type ForkedChild, forkChild, readOverdue } from '../runtime/index.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { DeadWorker, DeadWorkers } from './dead-workers.ts';
import { exitWorn } from './exit-codes.ts';
import { type AskOptions, detailOf, WorkerCalls } from './worker-call.ts';
import type { Ask, FromWorker, Questions, SentError, ToWorker } from './worker-messages.ts';

/** The module of the child, which the next start knows a child that was left by. */
export const workerEntry = new URL('./worker-process.child.ts', import.meta.url);

/**
 * What comes over the channel is short-lived, and V8 lets the space for that grow to 128 MB before it looks: with 16 MB, a large
 * document takes 100 MB less. The other flag is that of a worker's own process (tools/images/worker/millrace-entrypoint).
 */
const execArgv = ['--max-semi-space-size=16', '--no-allocation-site-pretenuring'];

/** A child that lived for so long is no part of a row of deaths. */
const steadyMs = 30_000;
/** The first death costs no wait; those that follow it closely twice as much as the one before, up to this. */
const firstDelayMs = 200;
const maxDelayMs = 5000;
/** Beyond its grace, for handing back (10 s) and closing. */
const drainMs = 15_000;
/** The bound of a first start: the code is loaded, and connections are opened. */
const readyMs = 60_000;

/** How long to wait before the next start, with jitter. @param row deaths in a row, from 1 */
export const restartDelayMs = (row: number, random: number): number =>
  row <= 1 ? 0 : Math.min(maxDelayMs, firstDelayMs * 2 ** (row - 2)) * (0.8 + 0.2 * random);

export interface SupervisorOptions {
  /** Goes into the child's command line. */
  readonly home: string;
  readonly graceMs: number;
  readonly log: Logger;
  /** Starts a child; another one in tests. */
  readonly fork?: (() => ForkedChild<ToWorker, FromWorker>) | undefined;
}

/** What a child is given, once it is there. */
export interface WorkerGround {
  readonly db: Database;
  /** The database is lent to the child; otherwise it opens its own connections. */
  readonly lent: boolean;
  readonly redis: Extract<ToWorker, { kind: 'open' }>['redis'];
  readonly dead: DeadWorkers;
  /** Told when a task has completed that others wait for. */
  readonly onLed: () => void;
  /** Told of each child, so that the next start can end it if this process cannot. */
  readonly note: (child: { readonly pid: number; readonly owner: string }) => Promise<void>;
  /** Told of each end that nobody asked for. */
  readonly onDeath: () => void;
}

interface Child {
  readonly forked: ForkedChild<ToWorker, FromWorker>;
  readonly owner: string;
  readonly calls: WorkerCalls;
  readonly startedAt: number;
}

interface ChildEnd {
  readonly how: string;
  readonly code: number | null;
  /** Why it could not work. */
  readonly unusable: SentError | undefined;
  /** What its watchdog killed it for. */
  readonly overdue: DeadWorker['overdue'];
}

export class Supervisor {
  readonly #options: SupervisorOptions;
  readonly #stopping = new AbortController();
  #child: Child;
  #ended: Promise<void> | undefined;
  readonly #killWithProcess = () => this.#child.forked.kill();

  /** Starts the child at once, so that it loads its code while this process opens the database. */
  constructor(options: SupervisorOptions) {
    this.#options = options;
    this.#child = this.#fork();
    // who ends without `stop` (a second signal) leaves none behind
    process.once('exit', this.#killWithProcess);
  }

  /**
   * Lets the child work, and keeps one working until `stop`. Resolves when it works.
   * @throws StartError when the first child cannot work as it is set up
   */
  async serve(ground: WorkerGround): Promise<void> {
    const ready = Promise.withResolvers<void>();
    ready.promise.catch(() => undefined);
    this.#ended = this.#keepRunning(ground, ready);
    const timer = setTimeout(() => ready.reject(notReady(`it did not get ready within ${readyMs / 1000} s`)), readyMs);
    try {
      await ready.promise;
    } finally {
      clearTimeout(timer);
    }
  }

  /** @throws what the child says, `worker_away`, `worker_silent`, or the reason of the signal */
  ask<Name extends keyof Questions>(
    ask: Extract<Ask, { of: Name }>,
    options: AskOptions,
  ): Promise<Questions[Name]['answer']> {
    return this.#child.calls.ask(ask, options);
  }

  /** Drains the child and ends it. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    const { forked } = this.#child;
    forked.send({ kind: 'drain' });
    const timer = setTimeout(() => forked.kill(), this.#options.graceMs + drainMs);
    await forked.ended;
    clearTimeout(timer);
    await this.#ended;
    process.off('exit', this.#killWithProcess);
  }

  #fork(): Child {
    const { home, fork = () => forkChild(workerEntry, { args: [home], execArgv, lastWords: true }) } = this.#options;
    const forked = fork();
    const calls = new WorkerCalls((message) => forked.send(message));
    return { forked, owner: randomUUID(), calls, startedAt: performance.now() };
  }

  async #keepRunning(ground: WorkerGround, ready: PromiseWithResolvers<void>): Promise<void> {
    const { log } = this.#options;
    const { signal } = this.#stopping;
    let everReady = false;
    void ready.promise.then(
      () => {
        everReady = true;
      },
      () => undefined,
    );
    let givenBack: Promise<unknown> = Promise.resolve();
    let row = 0;
    for (;;) {
      const child = this.#child;
      const { how, code, unusable, overdue } = await this.#runToEnd(child, ground, ready);
      const wanted = signal.aborted ? code === 0 : code === exitWorn;
      if (!wanted) {
        log.error({ how, why: unusable?.message }, 'the worker process has ended; what it held is given back');
        if (!signal.aborted) ground.onDeath();
        givenBack = Promise.all([givenBack, ground.dead.giveBack({ owner: child.owner, overdue }, signal)]);
      }
      ready.reject(unusable ? new StartError(detailOf(unusable)) : notReady(`it ${how}`));
      row = wanted ? 0 : performance.now() - child.startedAt > steadyMs ? 1 : row + 1;
      // what does not work at first is said, and not tried again
      if (everReady) await wait(restartDelayMs(row, Math.random()), undefined, { signal }).catch(() => undefined);
      if (!everReady || signal.aborted) break;
      this.#child = this.#fork();
    }
    await givenBack;
  }

  async #runToEnd(
    { forked, owner, calls }: Child,
    { db, lent, redis, onLed, note }: WorkerGround,
    ready: PromiseWithResolvers<void>,
  ): Promise<ChildEnd> {
    const { log } = this.#options;
    const lender = lent ? lendDatabase(db, (answer) => forked.send({ kind: 'answer', answer })) : undefined;
    let unusable: SentError | undefined;
    forked.listen((message) => {
      switch (message.kind) {
        case 'request':
          lender?.request(message.request);
          break;
        case 'told':
        case 'refused':
          calls.hear(message);
          break;
        case 'led':
          onLed();
          break;
        case 'ready':
          log.debug({ pid: forked.pid }, 'the worker process is ready');
          ready.resolve();
          break;
        case 'unusable':
          unusable = message.error;
          break;
        default:
          message satisfies never;
      }
    });
    if (forked.pid !== undefined)
      await note({ pid: forked.pid, owner }).catch((error: unknown) =>
        log.warn({ err: error }, 'the worker process could not be noted'),
      );
    forked.send({ kind: 'open', owner, lent, redis });
    const end = await forked.ended;
    calls.end();
    await lender?.close();
    return { ...end, unusable, overdue: readOverdue(await forked.lastWords) };
  }
}

const notReady = (why: string) =>
  new StartError({
    code: 'worker_not_started',
    message: `The process that runs the tasks could not be started: ${why}.`,
    hint: 'What it said stands above, in the log. LOG_LEVEL=DEBUG says more.',
  });
