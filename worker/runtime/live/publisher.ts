/**
 * Writes events to their streams after the ledger has committed what they tell. Best effort: nobody waits for it, and what Redis
 * does not take is dropped and counted. The ledger is the truth, and readers ask it for every end they might have missed.
 */
import type { RedisConnection } from '../../redis/index.ts';
import type { Logger } from '../../telemetry/logger.ts';
import { within } from '../../within.ts';
import { keptEvents, type NewLiveEvent, shardOf, streamKey, toEntry } from './event.ts';
import type { LiveMetrics } from './metrics.ts';
import { Wanted } from './wanted.ts';

export interface LiveSink {
  /** Tells what `make` gives, which is not called when nobody listens. Returns at once and never throws. */
  publish(tenantId: string, make: () => NewLiveEvent): void;
  /** As `publish`, a moment later, of what `make` gives then: nothing, when there is no news in it any more. */
  publishLater(tenantId: string, make: () => NewLiveEvent | undefined): void;
}

/** For processes in which nobody is to be told. */
export const noLive: LiveSink = { publish: () => undefined, publishLater: () => undefined };

/** Events that wait for their write, at most: some tens of megabytes at their largest, and usually a thousandth of that. */
const maxWaiting = 10_000;
/** Most events of a write. */
const maxBatch = 500;
/** What is published later: below what an eye sees, above what a short task takes. */
const laterMs = 20;
/** A stopping process waits so long for its last events to be taken. */
const stopMs = 1000;

/** One command for many events of a stream: half the work of as many commands, here and there. ARGV: bound, fields an event, all fields. */
const addScript = `
local width = tonumber(ARGV[2])
for at = 3, #ARGV, width do
  redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[1], '*', unpack(ARGV, at, at + width - 1))
end
return 0`;

export interface PublisherDeps {
  /** Of use `producer`, to where the events' role stands; the caller closes it after `stop`. */
  readonly connection: RedisConnection;
  readonly metrics: LiveMetrics;
  readonly log: Logger;
}

export class LivePublisher implements LiveSink {
  readonly #deps: PublisherDeps;
  readonly #wanted: Wanted;
  #waiting: NewLiveEvent[] = [];
  #later: (() => NewLiveEvent | undefined)[] = [];
  #writing: Promise<void> | undefined;
  #away = false;

  constructor(deps: PublisherDeps) {
    this.#deps = deps;
    this.#wanted = new Wanted(deps);
  }

  publish(tenantId: string, make: () => NewLiveEvent): void {
    if (this.#wanted.has(tenantId)) this.#push(make());
  }

  publishLater(tenantId: string, make: () => NewLiveEvent | undefined): void {
    // who begins to listen meanwhile reads in the ledger what was not told
    if (!this.#wanted.has(tenantId)) return;
    if (this.#later.length >= maxWaiting) {
      this.#deps.metrics.dropped('full', 1);
      return;
    }
    if (this.#later.push(make) === 1) setTimeout(() => this.#publishDelayed(), laterMs);
  }

  #push(event: NewLiveEvent): void {
    const { connection, metrics } = this.#deps;
    const reason = connection.status !== 'ready' ? 'away' : this.#waiting.length >= maxWaiting ? 'full' : undefined;
    if (reason) {
      metrics.dropped(reason, 1);
      return;
    }
    this.#waiting.push(event);
    this.#start();
  }

  #publishDelayed(): void {
    for (const make of this.#later.splice(0)) {
      const event = make();
      if (event) this.#push(event);
    }
  }

  /** Lets the last events out. Call after the last run has ended. */
  async stop(): Promise<void> {
    this.#publishDelayed();
    this.#wanted.count();
    await within(stopMs, this.#writing ?? Promise.resolve(), () => undefined);
  }

  #start(): void {
    this.#writing ??= this.#write().finally(() => {
      this.#writing = undefined;
      // published between the last look and this
      if (this.#waiting.length > 0) this.#start();
    });
  }

  async #write(): Promise<void> {
    // what comes in one turn of the loop goes together
    await new Promise((resolve) => setImmediate(resolve));
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.slice(0, maxBatch);
      this.#waiting = this.#waiting.slice(maxBatch);
      await Promise.all([...Map.groupBy(batch, ({ tenantId }) => shardOf(tenantId))].map((one) => this.#add(...one)));
    }
  }

  async #add(shard: number, events: readonly NewLiveEvent[]): Promise<void> {
    const { connection, metrics, log } = this.#deps;
    const entries = events.map(toEntry);
    const width = entries[0]?.length ?? 0;
    try {
      await connection.eval(addScript, 1, streamKey(shard), keptEvents, width, ...entries.flat());
      metrics.written(events.length);
      this.#away = false;
    } catch (error) {
      // perhaps it was taken all the same; sent again it would come twice
      metrics.dropped('refused', events.length);
      if (!this.#away)
        log.warn({ err: error, events: events.length }, 'redis took no events; the ledger has what they told');
      this.#away = true;
    }
  }
}
