/** Events on a cluster: streams of several tenants are written in one script each and read with one blocking XREAD. */
import { randomUUID } from 'node:crypto';
import { Registry } from 'prom-client';
import { expect, it, vi } from 'vitest';
import type { Database } from '../../../worker/db/index.ts';
import { connectRedis } from '../../../worker/redis/index.ts';
import { createLiveMetrics, LiveHub, LivePublisher, LiveReader } from '../../../worker/runtime/index.ts';
import { createLogger } from '../../../worker/telemetry/logger.ts';
import { clusterServers } from '../../harness/redis-cluster.ts';

const log = createLogger({ level: 'fatal' });
const withinMs = 15_000;
/** Nothing stands in this ledger: all that is heard is events. */
const ledger: Pick<Database, 'query'> = { query: async () => [] };

it('should carry the events of many tenants on a cluster, and let them be resumed', async () => {
  await using servers = await clusterServers.start();
  const [publishing, blocking] = ['publishing', 'blocking'].map(() =>
    connectRedis(servers.targets.events, 'producer', log),
  );
  if (!publishing || !blocking) throw new Error('two connections were opened');
  const metrics = createLiveMetrics(new Registry());
  const publisher = new LivePublisher({ connection: publishing, metrics, log });
  const hub = new LiveHub({
    db: ledger as Database,
    notDurable: { readKnown: async () => [] },
    openReader: (handlers) => new LiveReader({ blocking, asking: publishing, ...handlers, log }),
    metrics,
    log,
  });
  try {
    await vi.waitFor(() => expect([publishing.status, blocking.status]).toEqual(['ready', 'ready']), withinMs);
    const tenants = Array.from({ length: 30 }, () => randomUUID());
    const heard = new Map<string, (string | undefined)[]>(tenants.map((tenantId) => [tenantId, []]));
    for (const tenantId of tenants) {
      const onEvent = ({ id }: { readonly id: string | undefined }) => heard.get(tenantId)?.push(id);
      await hub.listen({ tenantId, scope: { kind: 'tenant' } }, { onEvent, onGap: () => undefined });
    }
    for (let n = 0; n < 3; n += 1) {
      for (const tenantId of tenants) {
        const task = { taskId: randomUUID(), userId: undefined, epoch: 0, durable: false };
        publisher.publish(tenantId, () => ({ event: 'progress', tenantId, ...task, data: `{"n":${n}}` }));
      }
    }
    await vi.waitFor(
      () => expect([...heard.values()].map((ids) => ids.length)).toEqual(tenants.map(() => 3)),
      withinMs,
    );
    const [tenantId = ''] = tenants;
    const [first, ...rest] = heard.get(tenantId) ?? [];
    const again: (string | undefined)[] = [];
    const gaps: boolean[] = [];
    await hub.listen(
      { tenantId, scope: { kind: 'tenant' }, after: first },
      { onEvent: ({ id }) => again.push(id), onGap: ({ complete }) => gaps.push(complete) },
    );
    expect([again, gaps]).toEqual([rest, []]);
  } finally {
    await hub.stop();
    await publisher.stop();
    publishing.disconnect();
    blocking.disconnect();
  }
});
