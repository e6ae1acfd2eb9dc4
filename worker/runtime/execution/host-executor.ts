/** Runs handlers in hosts, one a host: what one does to its thread or child is done to no other. */
import { type Database, type Lender, lendDatabase } from '../../db/index.ts';
import { errorText } from '../../errors.ts';
import type { Logger } from '../../telemetry/logger.ts';
import { writeProgress } from '../ledger/finish.ts';
import type { ClaimedTask } from '../ledger/rows.ts';
import type { RegisteredTask } from '../task.ts';
import type { Ended, Executor, RunControl } from './executor.ts';
import type { Host, HostPool } from './host-pool.ts';
import { graceMsOf } from './reasons.ts';
import { fromWire, toWire } from './wire-error.ts';

export interface HostExecutorDeps {
  /** For progress, and to lend where hosts have none of their own. */
  readonly db: Database;
  readonly pool: HostPool;
  /** Memory past which a host is killed in the middle of its task. */
  readonly killAtBytes: number;
}

/** How often the memory of a host is looked at while it works. */
const memoryCheckMs = 500;
/** A host that was ready enters a handler at once. */
const enterMs = 30_000;
/** A thread in the middle of native code cannot be ended: then it is left behind. */
const killMs = 5000;
/** Where no host can be started there is something to mend. */
const startFailedMs = 5000;

export class HostExecutor implements Executor {
  readonly #deps: HostExecutorDeps;

  constructor(deps: HostExecutorDeps) {
    this.#deps = deps;
  }

  async run(task: RegisteredTask, claimed: ClaimedTask, control: RunControl): Promise<Ended> {
    const { pool } = this.#deps;
    const { stop, log } = control;
    let host: Host;
    try {
      host = await pool.take(stop.signal);
    } catch (error) {
      if (stop.aborted) return { error: stop.reason };
      log().warn({ err: error }, 'no host could be started for the task');
      return { postponed: errorText(error), delayMs: startFailedMs };
    }
    // told to stop before it began: a host would hear of that before it knows the run
    const ended = stop.aborted ? { error: stop.reason } : await this.#inHost(host, task, claimed, control);
    await pool.give(host);
    return 'error' in ended && stop.aborted ? { error: stop.reason } : ended;
  }

  close(): Promise<void> {
    return this.#deps.pool.close();
  }

  async #inHost(host: Host, task: RegisteredTask, claimed: ClaimedTask, control: RunControl): Promise<Ended> {
    const { db, killAtBytes } = this.#deps;
    const { stop, log } = control;
    const { started } = host;
    const keep = control.writeProgress ?? ((text: string) => writeProgress(db, claimed.fence, text));
    const progress = new ProgressWriter(keep, log());
    const lender: Lender = lendDatabase(db, (answer) => started.send({ kind: 'answer', answer }));
    const end = Promise.withResolvers<Ended>();
    let killedFor: Ended | undefined;
    let left: NodeJS.Timeout | undefined;
    const kill = (why: Ended) => {
      if (killedFor) return;
      killedFor = why;
      host.alive = false;
      started.kill();
      left = setTimeout(() => end.resolve(why), killMs);
    };
    const enter = setTimeout(() => kill({ postponed: 'the host did not answer', delayMs: startFailedMs }), enterMs);
    const onMessage: Host['onMessage'] = (message) => {
      if (message.kind === 'entered') {
        clearTimeout(enter);
        stop.entered();
      } else if (message.kind === 'progress') progress.add(message.progress);
      else if (message.kind === 'request') lender.request(message.request);
      else if (message.kind === 'unusable') kill({ error: fromWire(message.error, claimed.fence) });
      else if (message.kind === 'ended') {
        const { ended } = message;
        end.resolve('error' in ended ? { error: fromWire(ended.error, claimed.fence) } : ended);
      }
    };
    host.onMessage = onMessage;
    void started.ended.then((how) => end.resolve(killedFor ?? { died: how }));
    let grace: NodeJS.Timeout | undefined;
    let over = false;
    const onAbort = () => {
      started.send({ kind: 'abort', reason: toWire(stop.reason) });
      grace = setTimeout(() => kill({ error: stop.reason }), graceMsOf(stop.reason));
    };
    const memory = setInterval(async () => {
      const bytes = (await started.memoryBytes()) ?? 0;
      if (bytes > killAtBytes) kill({ died: `took ${Math.round(bytes / 1e6)} MB and was killed` });
    }, memoryCheckMs);
    stop.onAbort(() => {
      if (!over) onAbort();
    });
    started.send({ kind: 'run', task: task.name, claimed });
    try {
      return await end.promise;
    } finally {
      over = true;
      for (const timer of [grace, left, enter]) clearTimeout(timer);
      clearInterval(memory);
      await lender.close();
      await progress.settle();
    }
  }
}

/** Writes the newest of what comes; one write at a time. */
class ProgressWriter {
  readonly #keep: (progress: string) => Promise<unknown>;
  readonly #log: Logger;
  #newest: string | undefined;
  #writing: Promise<void> | undefined;

  constructor(keep: (progress: string) => Promise<unknown>, log: Logger) {
    this.#keep = keep;
    this.#log = log;
  }

  add(progress: string): void {
    this.#newest = progress;
    this.#writing ??= this.#write().finally(() => {
      this.#writing = undefined;
    });
  }

  async settle(): Promise<void> {
    await this.#writing;
    await this.#write();
  }

  async #write(): Promise<void> {
    while (this.#newest !== undefined) {
      const progress = this.#newest;
      this.#newest = undefined;
      try {
        await this.#keep(progress);
      } catch (error) {
        this.#log.debug({ err: error }, 'progress was not written');
      }
    }
  }
}
