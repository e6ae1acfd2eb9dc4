/**
 * The fan-out of a process: events from the streams to whoever listens in it, and the ledger asked wherever a stream may have
 * lost something, so that nobody who was told that a task lives misses its end.
 */
import type { Database } from '../../db/index.ts';
import type { Logger } from '../../telemetry/logger.ts';
import { noLongerLive, readStates } from '../ledger/live.ts';
import { isTerminal, type TaskRow } from '../ledger/rows.ts';
import { type Loop, startLoop } from '../loop.ts';
import type { NotDurableTasks } from '../not-durable/index.ts';
import { batches } from './batches.ts';
import { eventOfRow, isFinal, type LiveEvent, shardOf } from './event.ts';
import { Listeners, type LiveListener, type LiveScope, type Subscription } from './listeners.ts';
import type { LiveMetrics } from './metrics.ts';
import type { LiveReader } from './reader.ts';
import { Standing } from './standing.ts';
import { Told } from './told.ts';

export interface ListenOptions {
  readonly tenantId: string;
  readonly scope: LiveScope;
  /** The id of the last event that the listener has, to go on after it. */
  readonly after?: string | undefined;
  /** Called once, before anything is told: what happens from now on is not missed. */
  readonly onListening?: (() => void) | undefined;
}

export interface HubDeps {
  readonly db: Database;
  readonly notDurable: Pick<NotDurableTasks, 'readKnown'>;
  /** Made with the hub's own handlers. */
  readonly openReader: (handlers: {
    readonly onEvents: (events: readonly LiveEvent[]) => void;
    readonly onGap: (shard: number, sinceMs: number) => void;
  }) => Pick<LiveReader, 'healthy' | 'position' | 'watch' | 'unwatch' | 'replay' | 'stop'>;
  readonly metrics: LiveMetrics;
  readonly log: Logger;
  /** Shorter in tests. */
  readonly pollMs?: number | undefined;
}

/** How soon the end of a task is told whose event was lost; while streams cannot be read each poll also tells states. */
const pollMs = 3000;
const outagePollMs = 1000;
/** What happened so long before a gap was noticed is told again: clocks differ, and commits come before their events. */
const marginSeconds = 10;

export class LiveHub {
  readonly #deps: HubDeps;
  readonly #listeners = new Listeners();
  readonly #told = new Told();
  readonly #reader: ReturnType<HubDeps['openReader']>;
  readonly #standing: Standing;
  readonly #poll: Loop;
  /** Shards of which something may be missing, and since when. */
  readonly #gaps = new Map<number, number>();
  #lastPollAt = 0;
  /** Up to when nothing can have been lost that a round has not asked for. */
  #healthyAt = Date.now();

  constructor(deps: HubDeps) {
    this.#deps = deps;
    this.#standing = new Standing(deps);
    this.#reader = deps.openReader({
      onEvents: (events) => {
        deps.metrics.read(events.length);
        for (const event of events) this.#dispatch(event);
      },
      onGap: (shard, sinceMs) => {
        this.#addGap(shard, sinceMs);
        this.#poll.nudge();
      },
    });
    this.#poll = startLoop({
      name: 'live progress',
      // while streams are away the ledger is all there is
      intervalMs: Math.min(deps.pollMs ?? pollMs, outagePollMs),
      log: deps.log,
      round: () => this.#round(),
    });
  }

  /** Subscriptions of this process. */
  get size(): number {
    return this.#listeners.size;
  }

  /**
   * Tells how things stand, or what happened after `after`, and from then on what happens; until disposed. Resolves when the first
   * has been told. @throws when the ledger does not answer
   */
  async listen(options: ListenOptions, listener: LiveListener): Promise<Disposable> {
    const { tenantId, scope, after, onListening } = options;
    const shard = shardOf(tenantId);
    const forget = this.#deps.metrics.listening(scope.kind);
    let subscription: Subscription | undefined;
    let open = true;
    const close = () => {
      if (!open) return;
      open = false;
      forget();
      if (subscription) this.#listeners.remove(subscription);
      this.#reader.unwatch(shard);
    };
    try {
      await this.#reader.watch(shard);
      // not before: of what happens while some writers do not know yet, some would be told and some not
      subscription = this.#listeners.add(tenantId, scope, listener);
      onListening?.();
      await this.#prelude(subscription, after);
    } catch (error) {
      close();
      throw error;
    }
    return { [Symbol.dispose]: close };
  }

  async stop(): Promise<void> {
    await this.#poll.stop();
    await this.#reader.stop();
  }

  async #prelude(subscription: Subscription, after: string | undefined): Promise<void> {
    const { tenantId, scope } = subscription;
    const shard = shardOf(tenantId);
    const replay = after === undefined ? undefined : await this.#reader.replay(shard, after, marginSeconds * 1000);
    if (after !== undefined && replay !== undefined && replay !== 'gap') {
      const mine = (event: LiveEvent) => event.tenantId === tenantId && subscription.matches(event);
      const events = replay.events.filter(mine);
      const told = [...replay.before.filter(mine), ...events];
      const untold = await this.#standing.endsUntold(
        subscription,
        told,
        secondsSince(after),
        this.#reader.position(shard),
      );
      for (const { taskId, durable } of living([...events, ...untold], scope)) {
        this.#told.expect(taskId, tenantId, durable);
      }
      subscription.begin([...events, ...untold], replay.through);
      return;
    }
    const id = this.#reader.position(shard);
    const seconds = after === undefined ? 0 : secondsSince(after);
    const { events, complete } = await this.#standing.of(subscription, seconds, id);
    if (replay === 'gap') {
      this.#deps.metrics.recovered();
      subscription.gap({ complete });
    }
    // an end that is told here is told to this one alone: what is kept in mind are ends that all have heard
    for (const event of events) if (!isFinal(event)) this.#told.lives(event);
    subscription.begin(events, undefined);
  }

  /** An event of a stream, or one made of a row, to whoever it concerns. */
  #dispatch(event: LiveEvent): void {
    const concerned = this.#listeners.of(event);
    if (concerned.length === 0) return;
    if (!(isFinal(event) ? this.#told.end(event) : this.#told.lives(event))) return;
    for (const subscription of concerned) subscription.tell(event);
  }

  async #round(): Promise<undefined> {
    const { healthy } = this.#reader;
    if (healthy && this.#gaps.size === 0 && Date.now() - this.#lastPollAt < (this.#deps.pollMs ?? pollMs))
      return undefined;
    const gaps = [...this.#gaps];
    await this.#askForEnds();
    if (!healthy) await this.#tellStates(() => true);
    for (const [shard, sinceMs] of gaps) {
      this.#gaps.delete(shard);
      try {
        await this.#recover(shard, sinceMs);
      } catch (error) {
        this.#addGap(shard, sinceMs);
        throw error;
      }
    }
    this.#lastPollAt = Date.now();
    if (healthy) this.#healthyAt = Date.now();
    return undefined;
  }

  #addGap(shard: number, sinceMs: number): void {
    this.#gaps.set(shard, Math.min(sinceMs, this.#gaps.get(shard) ?? sinceMs));
  }

  /** Tasks that were told as living and have ended by the ledger. */
  async #askForEnds(): Promise<void> {
    const { db, notDurable } = this.#deps;
    this.#told.prune((taskId, tenantId) => this.#listeners.cares(tenantId, taskId));
    for (const ids of batches(this.#told.durable())) {
      const gone = await noLongerLive(db, ids);
      if (gone.length === 0) continue;
      const rows = new Map((await readStates(db, gone)).map((row) => [row.id, row]));
      for (const id of gone) {
        const row = rows.get(id);
        if (row) this.#tellRow(row, true, true);
        // older than the ledger keeps
        else this.#told.forget(id);
      }
    }
    const others = this.#told.notDurable();
    if (others.length === 0) return;
    try {
      for (const row of await notDurable.readKnown(others)) this.#tellRow(row, false, isTerminal(row.status));
    } catch (error) {
      this.#deps.log.debug({ err: error }, 'redis could not be asked for tasks that are not durable');
    }
  }

  /** How the tasks stand that somebody listens to one by one, where that is news. */
  async #tellStates(ofTenant: (tenantId: string) => boolean): Promise<void> {
    for (const ids of batches(this.#listeners.taskIds(ofTenant)))
      for (const row of await readStates(this.#deps.db, ids)) this.#tellRow(row, true, this.#told.isNews(row));
  }

  #tellRow(row: TaskRow, durable: boolean, tell: boolean): void {
    if (tell) this.#dispatch(eventOfRow(row, this.#reader.position(shardOf(row.tenant_id)), durable));
  }

  /** After a gap: what may not have been told of the tenants of a shard. */
  async #recover(shard: number, sinceMs: number): Promise<void> {
    const id = this.#reader.position(shard);
    const seconds = Math.ceil((Date.now() - Math.min(this.#healthyAt, sinceMs)) / 1000) + marginSeconds;
    await this.#tellStates((tenantId) => shardOf(tenantId) === shard);
    for (const tenantId of this.#listeners.tenants((tenant) => shardOf(tenant) === shard)) {
      this.#deps.metrics.recovered();
      const wide = this.#listeners.wide(tenantId);
      if (wide.length === 0) continue;
      const { events, complete } = await this.#standing.of({ tenantId, scope: { kind: 'tenant' } }, seconds, id);
      for (const subscription of wide) subscription.gap({ complete });
      for (const event of events) this.#dispatch(event);
    }
  }
}

/** Tasks that have not ended in these events, and the one that a listener is about. */
function living(events: readonly LiveEvent[], scope: LiveScope): { taskId: string; durable: boolean }[] {
  const last = new Map(events.map((event) => [event.taskId, event]));
  const open = [...last.values()].filter((event) => !isFinal(event));
  return scope.kind === 'task' && !last.has(scope.taskId) ? [...open, scope] : open;
}

/** Since an event was written, by the clock of Redis and ours, with room for their difference. */
const secondsSince = (id: string): number => {
  const ms = Number(id.split('-')[0]);
  return Math.max(0, Math.ceil((Date.now() - ms) / 1000)) + marginSeconds;
};
