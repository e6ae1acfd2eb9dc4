/** Hosts that stand ready: started when one is needed, used again, replaced before they grow old or fat. */
import { setTimeout as wait } from 'node:timers/promises';
import type { Logger } from '../../telemetry/logger.ts';
import type { FromHost, HostDatabase, ToHost } from './messages.ts';
import type { StartedHost } from './started-host.ts';

export interface PoolOptions {
  /** For the log. */
  readonly name: string;
  readonly start: () => StartedHost;
  readonly database: HostDatabase;
  /** Tasks after which a host is replaced; 0 is never. */
  readonly maxTasks: number;
  /** Memory past which a host is replaced when its task is done. */
  readonly maxMemoryBytes: number;
  readonly log: Logger;
}

/** A host that stands ready, or works. */
export interface Host {
  readonly started: StartedHost;
  /** What it says while it works. */
  onMessage: (message: FromHost) => void;
  tasks: number;
  alive: boolean;
}

/** How long a host may take to get ready: it loads the code of the tasks. */
const readyMs = 60_000;
/** A host that nobody needed for so long is ended. */
const idleMs = 60_000;
/** For closing its connections; then it is killed. */
const endMs = 2000;
/** A thread in the middle of native code cannot be ended: the process goes on without waiting for it. */
const goneMs = 5000;

export class HostPool {
  readonly #options: PoolOptions;
  readonly #idle: { host: Host; timer: NodeJS.Timeout }[] = [];
  readonly #all = new Set<Host>();

  constructor(options: PoolOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#all.size;
  }

  /** A host that is ready for a run. @throws when none can be started, or the signal is aborted meanwhile. */
  async take(signal: AbortSignal): Promise<Host> {
    for (let next = this.#idle.pop(); next; next = this.#idle.pop()) {
      clearTimeout(next.timer);
      if (next.host.alive) return next.host;
    }
    return this.#open(signal);
  }

  /** Gives a host back after its run, or what is left of it. */
  async give(host: Host): Promise<void> {
    host.tasks += 1;
    host.onMessage = () => undefined;
    if (!host.alive) return;
    const { name, maxTasks, maxMemoryBytes, log } = this.#options;
    const bytes = (await host.started.memoryBytes()) ?? 0;
    const old = maxTasks > 0 && host.tasks >= maxTasks;
    if (old || bytes > maxMemoryBytes) {
      log.debug({ pool: name, tasks: host.tasks, mb: Math.round(bytes / 1e6) }, 'a host is replaced');
      void this.#end(host);
      return;
    }
    const timer = setTimeout(() => {
      const at = this.#idle.findIndex((entry) => entry.host === host);
      if (at >= 0) this.#idle.splice(at, 1);
      void this.#end(host);
    }, idleMs).unref();
    this.#idle.push({ host, timer });
  }

  async close(): Promise<void> {
    for (const { timer } of this.#idle.splice(0)) clearTimeout(timer);
    await Promise.all([...this.#all].map((host) => this.#end(host)));
  }

  async #open(signal: AbortSignal): Promise<Host> {
    const { start, database } = this.#options;
    const started = start();
    const host: Host = { started, onMessage: () => undefined, tasks: 0, alive: true };
    this.#all.add(host);
    void started.ended.then(() => {
      host.alive = false;
      this.#all.delete(host);
    });
    started.listen((message) => host.onMessage(message));
    const ready = Promise.withResolvers<void>();
    host.onMessage = (message) => {
      if (message.kind === 'ready') ready.resolve();
      if (message.kind === 'unusable') ready.reject(new Error(message.error.message));
    };
    void started.ended.then((how) => ready.reject(new Error(`the host ${how} before it was ready`)));
    const timer = setTimeout(() => ready.reject(new Error(`the host was not ready within ${readyMs} ms`)), readyMs);
    const onAbort = () => ready.reject(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) onAbort();
    const open: ToHost = { kind: 'open', database };
    started.send(open);
    try {
      await ready.promise;
      return host;
    } catch (error) {
      started.kill();
      throw error;
    } finally {
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
    }
  }

  async #end(host: Host): Promise<void> {
    host.started.send({ kind: 'end' });
    const timer = setTimeout(() => host.started.kill(), endMs);
    const over = new AbortController();
    const late = wait(goneMs, undefined, { signal: over.signal }).catch(() => undefined);
    await Promise.race([host.started.ended, late]);
    over.abort();
    clearTimeout(timer);
  }
}
