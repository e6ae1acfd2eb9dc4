/** One XREAD loop of a process: the streams of those tenants that somebody listens to, whatever the number of listeners. */
import { setTimeout as wait } from 'node:timers/promises';
import type { RedisConnection } from '../../redis/index.ts';
import type { Logger } from '../../telemetry/logger.ts';
import { answered } from '../../within.ts';
import { fromEntry, keptEvents, type LiveEvent, streamKey } from './event.ts';
import { renewWantedMs, want, wantedKey } from './wanted.ts';

/** A tenant whose stream was not read before is heard from after this at the latest; four small commands a second while it is quiet. */
const blockMs = 250;
/** Most entries of a stream in one answer. */
const readCount = 500;
/** After an error. */
const retryMs = 200;
/** More than a stream holds, though Redis keeps some beyond its bound. */
const replayCount = keptEvents * 2;
/** Nobody waits longer for Redis to say where a stream ends: without an answer the ledger is asked when it is back. */
const questionMs = 1000;

type Entry = [id: string, fields: string[]];

export interface ReaderDeps {
  /** Of use `producer`: a block of a quarter of a second is within its time limits, and an outage is heard of at once. Nobody else's. */
  readonly blocking: RedisConnection;
  /** For questions that must not wait behind a block. */
  readonly asking: RedisConnection;
  /** In the order of the stream. */
  readonly onEvents: (events: readonly LiveEvent[]) => void;
  /**
   * Something of this shard that was told since `sinceMs` (Unix time) may never come: Redis was away, its stream was lost, was trimmed faster
   * than it was read, or was not written.
   */
  readonly onGap: (shard: number, sinceMs: number) => void;
  readonly log: Logger;
  /** Shorter in tests. */
  readonly renewMs?: number | undefined;
}

interface Watched {
  users: number;
  /** Up to where the stream was read; undefined until Redis has said where it ends. */
  position: string | undefined;
  /** By `performance.now()`: when every writer knows that this is read. */
  knownAt: number;
  /** From which id on it is written. */
  since: string | undefined;
}

export type Replay =
  /** In the order of the stream; `before` are those of the last seconds before the id. */
  | { readonly before: readonly LiveEvent[]; readonly events: readonly LiveEvent[]; readonly through: string }
  /** What came after is not known in full: trimmed, lost, or Redis is away. */
  | 'gap';

/** Parts of a stream id, which are too large for numbers together. */
const parts = (id: string): readonly [number, number] => {
  const [ms = 0, seq = 0] = id.split('-').map(Number);
  return [ms, seq];
};

/** Whether `id` is one of a stream. */
export const isStreamId = (id: string): boolean => /^\d{1,15}-\d{1,10}$/.test(id);

export function compareIds(a: string, b: string): number {
  const [[msA, seqA], [msB, seqB]] = [parts(a), parts(b)];
  return msA - msB || seqA - seqB;
}

const start = '0-0';

export class LiveReader {
  readonly #deps: ReaderDeps;
  readonly #watched = new Map<number, Watched>();
  readonly #stop = new AbortController();
  readonly #ended: Promise<void>;
  #wake = Promise.withResolvers<void>();
  #outage = false;
  #renewedAt = performance.now();

  constructor(deps: ReaderDeps) {
    this.#deps = deps;
    this.#ended = this.#run();
  }

  /** False from an error until the streams are read again. */
  get healthy(): boolean {
    return !this.#outage && this.#deps.blocking.status === 'ready';
  }

  position(shard: number): string | undefined {
    return this.#watched.get(shard)?.position;
  }

  /** Reads this shard from now on: what is written after this resolves is told. Call `unwatch` as often. */
  async watch(shard: number): Promise<void> {
    const watched = this.#watched.get(shard) ?? { users: 0, position: undefined, knownAt: 0, since: undefined };
    this.#watched.set(shard, watched);
    watched.users += 1;
    if (watched.position === undefined) {
      const wanted = await want(this.#deps.asking, shard).catch(() => undefined);
      // somebody else may have been faster
      watched.position ??= wanted?.end;
      watched.since ??= wanted?.since;
      watched.knownAt = Math.max(watched.knownAt, performance.now() + (wanted?.waitMs ?? 0));
      // unknown: the loop asks again, and then has the ledger asked
      if (watched.position === undefined) this.#outage = true;
      this.#wake.resolve();
    }
    // what writers leave out until they know, the ledger tells who asks it after this
    await pause(watched.knownAt - performance.now());
  }

  unwatch(shard: number): void {
    const watched = this.#watched.get(shard);
    if (!watched) return;
    watched.users -= 1;
    if (watched.users === 0) this.#watched.delete(shard);
  }

  /** What was written to a shard after `id`, and in the `beforeMs` before, where that is kept. */
  async replay(shard: number, id: string, beforeMs: number): Promise<Replay> {
    const { asking } = this.#deps;
    const key = streamKey(shard);
    try {
      const since = await inTime(asking.get(wantedKey(shard)));
      // nobody listened for a while, so that nothing was written
      if (since === null || compareIds(since, id) > 0) return 'gap';
      // the oldest first: if something is trimmed in between, that shows in the ids
      const [[oldest] = []] = await inTime(asking.xrange(key, '-', '+', 'COUNT', 1));
      if (oldest === undefined || compareIds(oldest, id) > 0) return 'gap';
      const end = await this.#endOf(shard);
      // of a stream that was lost, or a server that did not have it yet
      if (compareIds(end, id) < 0) return 'gap';
      const from = `${Math.max(0, parts(id)[0] - beforeMs)}-0`;
      const entries: Entry[] = await inTime(asking.xrange(key, from, end, 'COUNT', replayCount));
      const [[still] = []] = await inTime(asking.xrange(key, '-', '+', 'COUNT', 1));
      if (still === undefined || compareIds(still, id) > 0 || entries.length === replayCount) return 'gap';
      const cut = entries.findIndex(([one]) => compareIds(one, id) > 0);
      const at = cut === -1 ? entries.length : cut;
      return { before: eventsOf(entries.slice(0, at)), events: eventsOf(entries.slice(at)), through: end };
    } catch (error) {
      this.#deps.log.debug({ err: error }, 'a stream of events could not be read again');
      return 'gap';
    }
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    this.#wake.resolve();
    await this.#ended;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      // while Redis is asked where the only stream ends there is nothing to read either
      if (!this.#outage && ![...this.#watched.values()].some(({ position }) => position !== undefined)) {
        await this.#wake.promise;
        this.#wake = Promise.withResolvers();
        continue;
      }
      try {
        if (this.#outage) await this.#return();
        else {
          if (performance.now() >= this.#renewedAt + (this.#deps.renewMs ?? renewWantedMs)) await this.#renew();
          await this.#read();
        }
      } catch (error) {
        if (!this.#outage && !signal.aborted)
          this.#deps.log.warn({ err: error }, 'streams of events cannot be read; the ledger is asked meanwhile');
        this.#outage = true;
        await wait(retryMs, undefined, { signal }).catch(() => undefined);
      }
    }
  }

  async #read(): Promise<void> {
    const { blocking, onEvents, onGap } = this.#deps;
    const from = [...this.#watched].flatMap(([shard, { position }]) =>
      position === undefined ? [] : [{ shard, position }],
    );
    if (from.length === 0) return;
    const keys = from.map(({ shard }) => streamKey(shard));
    const ids = from.map(({ position }) => position);
    const answer = await blocking.xread('COUNT', readCount, 'BLOCK', blockMs, 'STREAMS', ...keys, ...ids);
    for (const [key, entries] of answer ?? []) {
      const one = from[keys.indexOf(key)];
      const last = entries.at(-1)?.[0];
      const watched = one && this.#watched.get(one.shard);
      // nobody listens any more, or somebody began anew meanwhile
      if (!one || last === undefined || !watched || watched.position !== one.position) continue;
      watched.position = last;
      onEvents(eventsOf(entries));
      // behind by a whole answer: then the stream may have been trimmed past where we were
      if (entries.length === readCount && (await this.#trimmed(one.shard, one.position))) onGap(one.shard, Date.now());
    }
  }

  async #trimmed(shard: number, position: string): Promise<boolean> {
    const [[oldest] = []] = await inTime(this.#deps.asking.xrange(streamKey(shard), '-', '+', 'COUNT', 1));
    return oldest !== undefined && compareIds(oldest, position) > 0;
  }

  /** After an outage, perhaps on another server: goes on where each stream was left, or from its end where that is gone. */
  async #return(): Promise<void> {
    const shards = [...this.#watched.keys()];
    const { sinceMs } = await this.#want(shards);
    // one that came meanwhile may not have had an answer
    this.#outage = [...this.#watched.values()].some(({ position }) => position === undefined);
    // writers may have dropped what they had to tell
    for (const shard of shards) this.#deps.onGap(shard, sinceMs);
  }

  /** Keeps the streams written that are read here. Where that was forgotten, by a failover or a long stall, something was not. */
  async #renew(): Promise<void> {
    const { forgotten, sinceMs } = await this.#want([...this.#watched.keys()]);
    for (const shard of forgotten) this.#deps.onGap(shard, sinceMs);
  }

  /** Which of these shards were not written for a while, and since when at the earliest; resolves when all writers know better. */
  async #want(shards: readonly number[]): Promise<{ forgotten: readonly number[]; sinceMs: number }> {
    const forgotten: number[] = [];
    let waitMs = 0;
    const sinceMs = Date.now() - (performance.now() - this.#renewedAt);
    for (const shard of shards) {
      const wanted = await want(this.#deps.asking, shard);
      waitMs = Math.max(waitMs, wanted.waitMs);
      const watched = this.#watched.get(shard);
      if (!watched) continue;
      // also when another process was the first to notice
      if (watched.since !== undefined && watched.since !== wanted.since) forgotten.push(shard);
      watched.since = wanted.since;
      watched.knownAt = Math.max(watched.knownAt, performance.now() + wanted.waitMs);
      if (watched.position === undefined || compareIds(wanted.end, watched.position) < 0) watched.position = wanted.end;
    }
    this.#renewedAt = performance.now();
    await pause(waitMs);
    return { forgotten, sinceMs };
  }

  async #endOf(shard: number): Promise<string> {
    const [[end] = []] = await inTime(this.#deps.asking.xrevrange(streamKey(shard), '+', '-', 'COUNT', 1));
    return end ?? start;
  }
}

/** Not a moment less, as a timer may be by up to two milliseconds. */
const pause = (ms: number): Promise<void> => (ms > 0 ? wait(Math.ceil(ms) + 2) : Promise.resolve());

const eventsOf = (entries: readonly Entry[]): LiveEvent[] =>
  entries.flatMap(([id, fields]) => fromEntry(id, fields) ?? []);

const inTime = <T>(answer: Promise<T>): Promise<T> => answered(questionMs, answer, 'redis');
