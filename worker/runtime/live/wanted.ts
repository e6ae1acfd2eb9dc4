/**
 * Whether anybody listens: a key for each stream, which those who read it keep alive. Without one nothing is written there: what
 * tells a task costs as much as a good part of a short one, and most deployments watch few tasks.
 */
import type { RedisConnection } from '../../redis/index.ts';
import type { Logger } from '../../telemetry/logger.ts';
import { answered } from '../../within.ts';
import { keptEvents, shardOf, shards, streamKey } from './event.ts';
import type { LiveMetrics } from './metrics.ts';

/** Holds the id of an entry that was written with it: what comes after that is written, as soon as all writers know. */
export const wantedKey = (shard: number): string => `{millrace:events}:wanted:${shard}`;

/** A stream is written for so long after its last listener has gone, for those who come back: browsers do within seconds. */
const keptMs = 60_000;
/** Readers keep the key alive. */
export const renewWantedMs = 10_000;
/** A writer believes for so long that nobody listens, counted from before it asked; a listener whose key is new waits for so long. */
const believedMs = 100;
/** A writer that is at it asks so often; one that has been quiet writes its first events unasked. */
const askMs = 40;
/** Nobody waits longer for Redis to say how a key stands. */
const questionMs = 1000;

/**
 * KEYS: the key, the stream. ARGV: for how long, events kept. Answers the newest id of the stream, what the key holds, and for
 * how many ms writers may still not know of it. A new key stands at an entry of its own that tells nobody anything, so that whatever
 * is told from now on has a later id than what was not written.
 */
const wantScript = `
local at = redis.call('GET', KEYS[1])
if not at then
  at = redis.call('XADD', KEYS[2], 'MAXLEN', '~', ARGV[2], '*', 'wanted', '1')
  redis.call('SET', KEYS[1], at, 'PX', ARGV[1])
  return {at, at, ${believedMs}}
end
redis.call('PEXPIRE', KEYS[1], ARGV[1])
local newest = redis.call('XREVRANGE', KEYS[2], '+', '-', 'COUNT', 1)[1]
local time = redis.call('TIME')
local age = time[1] * 1000 + math.floor(time[2] / 1000) - tonumber(string.match(at, '^%d+'))
return {newest and newest[1] or '0-0', at, ${believedMs} - age}`;

export interface Want {
  /** The newest of the stream: what is written after it can be read from there. */
  readonly end: string;
  /** From which id on it is written. Another one than before: in between it was not. */
  readonly since: string;
  /** Until every writer knows. */
  readonly waitMs: number;
}

/** Has a stream written, from when this and the wait are over and for a minute. @throws when Redis does not answer */
export async function want(redis: RedisConnection, shard: number): Promise<Want> {
  const keys = [wantedKey(shard), streamKey(shard)];
  const answer = await answered(questionMs, redis.eval(wantScript, 2, ...keys, keptMs, keptEvents), 'redis');
  const [end, since, waitMs] = answer as [string, string, number];
  return { end, since, waitMs: Math.min(believedMs, Math.max(0, waitMs)) };
}

export interface WantedDeps {
  readonly connection: RedisConnection;
  readonly metrics: Pick<LiveMetrics, 'unwanted'>;
  readonly log: Logger;
}

/** For a writer: of which streams somebody wants to hear. When in doubt, of all. */
export class Wanted {
  readonly #deps: WantedDeps;
  #known: readonly boolean[] = [];
  #knownUntil = 0;
  #askedAt = Number.NEGATIVE_INFINITY;
  #asking = false;
  #skipped = 0;
  #refused = false;

  constructor(deps: WantedDeps) {
    this.#deps = deps;
  }

  /** Asked for each event: what is not wanted need not be made. */
  has(tenantId: string): boolean {
    const now = performance.now();
    if (now >= this.#askedAt + askMs && !this.#asking) void this.#ask(now);
    if (now >= this.#knownUntil || this.#known[shardOf(tenantId)] !== false) return true;
    this.#skipped += 1;
    return false;
  }

  async #ask(now: number): Promise<void> {
    const { connection, log } = this.#deps;
    this.#askedAt = now;
    if (connection.status !== 'ready') return;
    this.#asking = true;
    try {
      const marks = await answered(questionMs, connection.mget(allKeys), 'redis');
      this.#known = marks.map((mark) => mark !== null);
      this.#knownUntil = now + believedMs;
      this.#refused = false;
    } catch (error) {
      // then all is written, and what Redis does not take is counted there
      if (!this.#refused && connection.status === 'ready')
        log.warn(
          { err: error },
          'redis does not say whether anybody listens to tasks; every event is written meanwhile',
        );
      this.#refused = true;
    } finally {
      this.#asking = false;
      this.count();
    }
  }

  /** Puts down what was left out. */
  count(): void {
    this.#deps.metrics.unwanted(this.#skipped);
    this.#skipped = 0;
  }
}

const allKeys = Array.from({ length: shards }, (_, shard) => wantedKey(shard));
