/** Claims of slots on a real Postgres: a leader that stands still in the middle of one, and thousands at once. */
import { randomUUID } from 'node:crypto';
import { Registry } from 'prom-client';
import { describe, expect, it } from 'vitest';
import { lead, startBeat } from '../../../worker/beat/index.ts';
import type { Database } from '../../../worker/db/index.ts';
import { createRegistry } from '../../../worker/runtime/index.ts';
import { defaultTenantId } from '../../../worker/services/tenants/tenants.ts';
import { sampleTasks } from '../../../worker/tasks/sample/sample-tasks.ts';
import { createLogger } from '../../../worker/telemetry/logger.ts';
import { prepared } from '../../harness/databases.ts';
import { openEnqueuer } from '../../harness/enqueuer.ts';
import { openStage } from '../../harness/stage.ts';
import { suiteServers } from '../../harness/suite-servers.ts';
import { until } from '../../harness/until.ts';

/** Five transactions' worth. */
const many = 5000;
/** Two seconds on a machine at rest. */
const firedMs = 90_000;
const registry = createRegistry(sampleTasks);

describe.concurrent('claims', () => {
  const servers = suiteServers('standalone');

  async function emptyDatabase(stack: AsyncDisposableStack): Promise<Database> {
    const { db } = stack.use(await openStage(servers));
    return prepared(db);
  }

  it('should not be held up by a leader that stands still in the middle of a claim', async () => {
    await using stack = new AsyncDisposableStack();
    const db = await emptyDatabase(stack);
    const lease = await lead.acquire(db, randomUUID(), 'first');
    if (!lease) throw new Error('the lead of an empty database was not given');
    const held = Promise.withResolvers<void>();
    const thaw = Promise.withResolvers<void>();
    const claim = db.tx(async (tx) => {
      await lead.holdLead(tx, lease);
      held.resolve();
      await thaw.promise;
      await tx.query('select 1');
    });
    const ended = claim.then(
      () => 'committed',
      () => 'refused',
    );
    await held.promise;
    // a renewal passes the claim
    expect(await lead.renew(db, lease)).toBe(true);
    await lead.endLease(db);
    const next = await lead.acquire(db, randomUUID(), 'second');
    expect(next).toMatchObject({ term: lease.term + 1 });
    thaw.resolve();
    expect(await ended).toBe('refused');
  });

  it('should fire thousands that are due at once, each once, with two beats alive', async () => {
    await using stack = new AsyncDisposableStack();
    const db = await emptyDatabase(stack);
    const { enqueuer } = stack.use(openEnqueuer(db, servers.redis, sampleTasks));
    const metrics = [new Registry(), new Registry()];
    for (const [n, register] of metrics.entries()) {
      const beat = await startBeat({
        db,
        enqueuer,
        registry,
        schedules: [],
        tenantId: defaultTenantId,
        name: `beat-${n}`,
        keepSlotsSeconds: 3600,
        metrics: register,
        log: createLogger({ level: 'fatal' }),
      });
      stack.defer(() => beat.stop());
    }
    await db.query(
      `insert into schedules (id, tenant_id, name, source, task, every_seconds, next_slot, next_at)
       select gen_random_uuid(), $1, 'many-' || n, 'api', 'sample_noop', 86400, date_trunc('second', now()), date_trunc('second', now())
         from generate_series(1, $2::int) as n`,
      [defaultTenantId, many],
    );
    await until('all are fired', firedMs, async () => {
      const [row] = await db.query<{ n: number }>('select count(*)::int as n from schedule_slots');
      return row?.n === many;
    });
    const [sum] = await db.query<{ schedules: number; tasks: number; sent: number; beats: number }>(
      `select count(distinct f.schedule_id)::int as schedules, count(distinct t.id)::int as tasks,
              (select count(*)::int from tasks) as sent, count(distinct f.fired_by)::int as beats
         from schedule_slots f join tasks t on t.id = f.task_id`,
    );
    expect(sum).toEqual({ schedules: many, tasks: many, sent: many, beats: 1 });
    const pages = await Promise.all(metrics.map((register) => register.metrics()));
    expect(pages.filter((page) => page.includes('\nmillrace_beat_leader 1\n'))).toHaveLength(1);
    expect(pages.join('\n')).toContain(`millrace_schedule_slots_total{outcome="fired"} ${many}`);
    expect(pages.join('\n')).toContain(`millrace_schedule_lateness_seconds_count ${many}`);
  }, 180_000);
});
