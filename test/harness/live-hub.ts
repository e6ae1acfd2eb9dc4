/** Those who listen in another process than the one that writes: a hub with connections of its own. */
import { Registry } from 'prom-client';
import { vi } from 'vitest';
import type { RedisTargets } from '../../worker/config/redis-target.ts';
import type { Database } from '../../worker/db/index.ts';
import { connectRedis } from '../../worker/redis/index.ts';
import {
  createLiveMetrics,
  isFinal,
  type LiveEvent,
  LiveHub,
  LiveReader,
  type NotDurableTasks,
} from '../../worker/runtime/index.ts';
import { createLogger } from '../../worker/telemetry/logger.ts';

const log = createLogger({ level: 'fatal' });

export interface TestHubOptions {
  readonly db: Database;
  readonly redis: { readonly targets: RedisTargets };
  readonly notDurable: Pick<NotDurableTasks, 'readKnown'>;
  /** An hour: what is heard then was told by an event, and not by the ledger. */
  readonly pollMs?: number;
}

export interface TestHub extends AsyncDisposable {
  readonly hub: LiveHub;
}

export const noPollMs = 3_600_000;

export async function openTestHub({ db, redis, notDurable, pollMs }: TestHubOptions): Promise<TestHub> {
  const [blocking, asking] = [1, 2].map(() => connectRedis(redis.targets.events, 'producer', log));
  if (!blocking || !asking) throw new Error('two connections were opened');
  const hub = new LiveHub({
    db,
    notDurable,
    openReader: (handlers) => new LiveReader({ blocking, asking, ...handlers, log }),
    metrics: createLiveMetrics(new Registry()),
    log,
    pollMs,
  });
  await vi.waitFor(
    () => {
      if (blocking.status !== 'ready' || asking.status !== 'ready') throw new Error('redis is not connected yet');
    },
    { timeout: 10_000 },
  );
  return {
    hub,
    async [Symbol.asyncDispose]() {
      await hub.stop();
      for (const connection of [blocking, asking]) connection.disconnect();
    },
  };
}

export interface HeardEvents extends AsyncDisposable {
  readonly events: readonly LiveEvent[];
  /** The data of the end of a task, once it was told. */
  // biome-ignore lint/suspicious/noExplicitAny: events are looked at field by field
  end(taskId: string, withinMs?: number): Promise<any>;
}

/** Listens to a tenant as somebody does whom no poll of the ledger helps. */
export async function hearEvents(options: Omit<TestHubOptions, 'pollMs'>, tenantId: string): Promise<HeardEvents> {
  const test = await openTestHub({ ...options, pollMs: noPollMs });
  const events: LiveEvent[] = [];
  const listening = await test.hub.listen(
    { tenantId, scope: { kind: 'tenant' } },
    { onEvent: (event) => events.push(event), onGap: () => undefined },
  );
  return {
    events,
    end: (taskId, withinMs = 20_000) =>
      vi.waitFor(
        () => {
          const told = events.find((event) => event.taskId === taskId && isFinal(event));
          if (!told) throw new Error(`no end of ${taskId} was told by an event`);
          return JSON.parse(told.data);
        },
        { timeout: withinMs, interval: 20 },
      ),
    async [Symbol.asyncDispose]() {
      listening[Symbol.dispose]();
      await test[Symbol.asyncDispose]();
    },
  };
}
