/** The ledger's table may be empty in one second and full in the next: what was planned for the one must not serve the other. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Database } from '../../../worker/db/index.ts';
import { ledger, noRates } from '../../../worker/runtime/index.ts';
import { openDatabase } from '../../harness/database-address.ts';
import { databaseKinds, type TestDatabase } from '../../harness/databases.ts';

/** Postgres plans a prepared statement for its own arguments so often, then once for all. */
const customPlans = 6;
const waiting = 20_000;
/** Rows that one of these statements may look at when nothing of what waits is its business. */
const few = 100;

let server: TestDatabase;
let db: Database;
/** As a worker has them for claims, ends and leases. */
let reserved: Database;
beforeAll(async () => {
  server = await (await databaseKinds.postgres()).open();
  const { address } = server;
  if (!address) throw new Error('expected a Postgres with an address');
  db = openDatabase(address, { poolMax: 1, planLifeMs: 1 });
  reserved = openDatabase(address, { poolMax: 1, planLifeMs: 600_000, fixedPlans: true });
});
afterAll(async () => {
  await reserved.close();
  await db.close();
  await server[Symbol.asyncDispose]();
});

const tenantId = randomUUID();
const pull = { queue: 'fast_tasks', tenants: [tenantId], share: 10, most: 10, worker: 'test' } as const;
/** Each looks for few rows of many. */
const statements: Readonly<Record<string, (on: Pick<Database, 'query'>) => Promise<unknown>>> = {
  'the window': (on) => ledger.readWindow(on),
  expiry: (on) => ledger.expireTasks(on, 500),
  'a claim': (on) => ledger.claimTasks(on, [randomUUID()], randomUUID(), 'test'),
  'a pull': (on) => ledger.pullTasks(on, { ...pull, owner: randomUUID() }),
  'a look at claims': (on) => ledger.stillHeld(on, randomUUID(), [{ id: randomUUID(), epoch: 1, owner: randomUUID() }]),
  'a renewal': (on) => ledger.renewLeases(on, randomUUID(), [{ id: randomUUID(), epoch: 1, owner: randomUUID() }]),
  'leases that are over': (on) => ledger.takeOverLapsed(on, 500),
  'an end': (on) =>
    ledger.completeTasks(on, [{ fence: { id: randomUUID(), epoch: 1, owner: randomUUID() }, result: 'null' }]),
};

it.each(Object.entries(statements))(
  'should read few rows of many for %s, which was planned while there were none',
  async (_name, run) => {
    await db.query('truncate tasks_live');
    await db.query('analyze tasks_live');
    for (let n = 0; n < customPlans; n += 1) await run(db);
    await db.query(
      `insert into tasks_live (id, tenant_id, name, queue, payload)
       select gen_random_uuid(), $1::uuid, 'sample_noop', 'fast_tasks', '{}' from generate_series(1, ${waiting})`,
      [tenantId],
    );
    const read = await db.tx(async (tx) => {
      await run(tx);
      const [row] = await tx.query<{ rows: number }>(
        `select (coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0))::int as rows from pg_stat_xact_user_tables
          where relname = 'tasks_live'`,
      );
      return row?.rows;
    });
    expect(read).toBeLessThan(few);
  },
);

describe('with a hundred thousand that came since the table was analysed', () => {
  beforeAll(async () => {
    await db.query('truncate tasks_live');
    await db.query('alter table tasks_live set (autovacuum_enabled = false)');
    // as a run of other tasks leaves it: the planner takes what waits for a small part
    await db.query(
      `insert into tasks_live (id, tenant_id, name, queue, payload, status, owner, lease_until)
       select gen_random_uuid(), $1::uuid, 'sample_noop', 'fast_tasks', '{}', 'RUNNING', gen_random_uuid(), now() + interval '1 hour'
         from generate_series(1, 1000)`,
      [tenantId],
    );
    await db.query('analyze tasks_live');
    await db.query('delete from tasks_live');
    await db.query(
      `insert into tasks_live (id, tenant_id, name, queue, payload)
       select gen_random_uuid(), $1::uuid, 'sample_noop', 'fast_tasks', '{}' from generate_series(1, 100000)`,
      [tenantId],
    );
  });
  afterAll(() => db.query('alter table tasks_live reset (autovacuum_enabled)'));

  it.each(
    Object.entries({
      ...statements,
      'a round of the relay': (on: Pick<Database, 'query'>) => ledger.refill(inTransaction(on), limits, undefined),
    }),
  )('should read few entries of indexes for %s', async (_name, run) => {
    const before = await entriesRead();
    await db.tx((tx) => run(tx));
    expect((await entriesRead()) - before).toBeLessThan(1000);
  });

  it('should read few entries of indexes for a pull on a connection that plans for any arguments', async () => {
    for (let round = 0; round < 2; round += 1) {
      const before = await entriesRead(reserved);
      const pulled = await ledger.pullTasks(reserved, { ...pull, owner: randomUUID() });
      expect(pulled).toHaveLength(10);
      expect((await entriesRead(reserved)) - before).toBeLessThan(1000);
    }
  });

  it('should begin no statement with parallel workers, each a process of the server, and compile none', async () => {
    const plan = (workers?: string) =>
      db.tx(async (tx) => {
        await tx.query(`select set_config(name, '0', true) from unnest($1::text[]) as name`, [
          [
            'parallel_setup_cost',
            'parallel_tuple_cost',
            'min_parallel_table_scan_size',
            'min_parallel_index_scan_size',
          ],
        ]);
        if (workers) await tx.query(`select set_config('max_parallel_workers_per_gather', $1, true)`, [workers]);
        return JSON.stringify(await tx.query('explain select count(*) from tasks_live'));
      });
    expect(await plan()).not.toContain('Gather');
    expect(await plan('2')).toContain('Gather');
    expect(await db.query('show jit')).toEqual([{ jit: 'off' }]);
  });
});

describe('with many tenants of whom nothing is due', () => {
  const tenants = 20_000;
  beforeAll(async () => {
    await db.query('truncate tasks_live');
    await db.query(
      `insert into tasks_live (id, tenant_id, name, queue, payload, status, due_at, started_at, expires_at)
       select gen_random_uuid(), lpad(to_hex(n), 32, '0')::uuid, 'sample_noop', 'fast_tasks', '{}', 'RETRYING', now() + interval '1 hour', now(), now()
         from generate_series(1, ${tenants}) as n`,
    );
    await db.query('analyze tasks_live');
  });

  it('should pass a part of them in a look, and find who has something due in a later one', async () => {
    await db.query(
      `update tasks_live set due_at = now() where tenant_id = (select tenant_id from tasks_live order by 1 desc limit 1)`,
    );
    let looks = 0;
    let found: string[] = [];
    for (let after: Awaited<ReturnType<typeof ledger.readWindow>>['next'], more = true; more; looks += 1) {
      const before = await entriesRead();
      const state = await db.tx((tx) => ledger.readWindow(tx, after));
      expect((await entriesRead()) - before).toBeLessThan(6000);
      found = [...found, ...state.waiting.map((pair) => pair.tenantId)];
      after = state.next;
      more = after !== undefined;
    }
    expect(looks).toBe(5);
    expect(found).toEqual([
      tenants
        .toString(16)
        .padStart(32, '0')
        .replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-'),
    ]);
  });

  it('should not read those again for what has expired that have begun an attempt, and so expire no more', async () => {
    const before = await entriesRead();
    expect(await ledger.expireTasks(db, 500)).toEqual([]);
    expect((await entriesRead()) - before).toBeLessThan(few);
  });
});

describe('with a table that was analysed while it was empty, and what thousands of tasks left in its indexes', () => {
  beforeAll(async () => {
    await db.query('truncate tasks_live');
    await db.query('alter table tasks_live set (autovacuum_enabled = false)');
    await db.query(
      `insert into tasks_live (id, tenant_id, name, queue, payload, status, queued_at)
       select gen_random_uuid(), $1::uuid, 'sample_noop', 'fast_tasks', '{}', 'QUEUED', now() from generate_series(1, ${waiting})`,
      [tenantId],
    );
    await db.query('delete from tasks_live');
    await db.query('analyze tasks_live');
    // who meets the dead first notes it
    await db.tx((tx) => ledger.readWindow(tx));
  });
  afterAll(() => db.query('alter table tasks_live reset (autovacuum_enabled)'));

  const task = { name: 'sample_noop', queue: 'fast_tasks', tenantId, payload: '{}', handed: true } as const;
  const ids = async (count: number) =>
    (
      await ledger.acceptTasks(
        db,
        Array.from({ length: count }, () => task),
      )
    ).map(({ id }) => id);
  /** Pages of the table and of its indexes that this read. */
  const pagesOf = async (work: () => Promise<unknown>) => {
    const before = await pagesRead(reserved);
    await work();
    return (await pagesRead(reserved)) - before;
  };
  const tasks = 10;

  it.each(['a claim', 'an end'] as const)('should read few pages for %s', async (what) => {
    const given = await ids(tasks);
    const claim = async () => {
      const claimed = await ledger.claimTasks(reserved, given, randomUUID(), 'test');
      expect(claimed).not.toContain(undefined);
      return claimed.flatMap((one) => (one ? [{ fence: one.fence, result: 'null' }] : []));
    };
    if (what === 'a claim') return expect(await pagesOf(claim)).toBeLessThan(20 * tasks);
    const ends = await claim();
    expect(await pagesOf(() => ledger.completeTasks(reserved, ends))).toBeLessThan(20 * tasks);
  });

  it.each(Object.entries(statements).filter(([name]) => /claim|renewal|pull/.test(name)))(
    'should read few pages for %s of nothing',
    async (_name, run) => {
      // planned at its first time
      await run(reserved);
      expect(await pagesOf(() => run(reserved))).toBeLessThan(few);
    },
  );
});

it('should plan claims and ends of any number of tasks once, however the table grows', async () => {
  await db.query('truncate tasks_live');
  const { address } = server;
  if (!address) throw new Error('expected a Postgres with an address');
  const other = openDatabase(address, { poolMax: 1, planLifeMs: 600_000, fixedPlans: true });
  const task = { name: 'sample_noop', queue: 'fast_tasks', tenantId, payload: '{}', handed: true } as const;
  const work = async (rounds: number) => {
    for (let round = 0; round < rounds; round += 1) {
      const size = 1 + (round % 3);
      const accepted = await ledger.acceptTasks(
        other,
        Array.from({ length: size }, () => task),
      );
      const ids = accepted.map(({ id }) => id);
      const claimed = await ledger.claimTasks(other, ids, randomUUID(), 'test');
      const ends = claimed.flatMap((one) => (one ? [{ fence: one.fence, result: 'null' }] : []));
      expect(await ledger.completeTasks(other, ends)).toEqual(ids.map(() => true));
    }
  };
  try {
    await work(20);
    await db.query(
      `insert into tasks_live (id, tenant_id, name, queue, payload)
       select gen_random_uuid(), $1::uuid, 'sample_noop', 'fast_tasks', '{}' from generate_series(1, ${waiting})`,
      [tenantId],
    );
    await db.query('analyze tasks_live');
    await work(20);
    const often = await other.query(
      `select left(statement, 60) as statement, custom_plans::int as planned from pg_prepared_statements where custom_plans > 0`,
    );
    expect(often).toEqual([]);
  } finally {
    await other.close();
  }
});

it('should not read again for the window what has left it, before a vacuum has been there', async () => {
  const look = () => db.tx((tx) => ledger.readWindow(tx));
  await db.query('truncate tasks_live');
  await db.query('alter table tasks_live set (autovacuum_enabled = false)');
  await db.query(
    `insert into tasks_live (id, tenant_id, name, queue, payload, status, queued_at)
     select gen_random_uuid(), $1::uuid, 'sample_noop', 'fast_tasks', '{}', 'QUEUED', now() from generate_series(1, ${waiting})`,
    [tenantId],
  );
  // the planner takes all of the table for rows of the window
  await db.query('analyze tasks_live');
  await db.query('delete from tasks_live');
  // the first who meets them notes that they are gone
  await look();
  const before = await pagesRead(db);
  await look();
  expect((await pagesRead(db)) - before).toBeLessThan(few);
  await db.query('alter table tasks_live reset (autovacuum_enabled)');
});

const limits = { size: 100, isolatedPerTenant: 1, rates: noRates };
interface InHand {
  /** How the rows stand, of which somebody has the first in hand. */
  readonly standing: 'PENDING' | 'QUEUED';
  /** Answers with those that it got. */
  readonly take: (ids: readonly string[]) => Promise<readonly string[]>;
}
const waitingAgain = async () =>
  (await db.query<{ id: string }>(`select id from tasks_live where status = 'PENDING'`)).map(({ id }) => id);
const inHand: Readonly<Record<string, InHand>> = {
  'a claim': {
    standing: 'QUEUED',
    take: async (ids) => {
      const claimed = await ledger.claimTasks(db, ids, randomUUID(), 'test');
      return claimed.flatMap((task) => (task ? [task.fence.id] : []));
    },
  },
  'a relay let in': {
    standing: 'PENDING',
    take: async () => {
      const refilled = await ledger.refill(db, limits, undefined);
      return refilled?.rows.map(({ id }) => id) ?? [];
    },
  },
  'a worker pull': {
    standing: 'PENDING',
    take: async () => {
      const pulled = await ledger.pullTasks(db, { ...pull, owner: randomUUID() });
      return pulled.map(({ fence }) => fence.id);
    },
  },
  'a worker open to the relay again': {
    standing: 'QUEUED',
    take: async (ids) => {
      for (const id of ids) await ledger.reopen(db, id);
      return waitingAgain();
    },
  },
  'a relay give back': {
    standing: 'QUEUED',
    take: async (ids) => {
      await ledger.release(
        db,
        ids.map((id) => ({ id, epoch: 0 })),
      );
      return waitingAgain();
    },
  },
  'a reconciler put back': {
    standing: 'QUEUED',
    take: async (ids) => {
      expect(await ledger.putBack(db, ids)).toBe(1);
      return waitingAgain();
    },
  },
};

it.each(Object.entries(inHand))(
  'should let %s what it can while somebody has a waiting row in hand, as a handler that replaces its task',
  async (_who, { standing, take }) => {
    await db.query('truncate tasks_live');
    const ids = [randomUUID(), randomUUID()];
    await db.query(
      `insert into tasks_live (id, tenant_id, name, queue, payload, status, queued_at)
     select id, $2::uuid, 'sample_noop', 'fast_tasks', '{}', $3::text, now() from unnest($1::uuid[]) as id`,
      [ids, tenantId, standing],
    );
    const { address } = server;
    if (!address) throw new Error('expected a Postgres with an address');
    const other = openDatabase(address, { poolMax: 1 });
    try {
      await other.tx(async (tx) => {
        await tx.query('select from tasks_live where id = $1 for update', [ids[0] ?? '']);
        expect(await take(ids)).toEqual([ids[1]]);
      });
    } finally {
      await other.close();
    }
  },
);

const inTransaction = (tx: Pick<Database, 'query'>): Database =>
  ({ ...tx, tx: (work: (tx: Pick<Database, 'query'>) => unknown) => work(tx) }) as unknown as Database;

/** Entries of the table's indexes that scans of them have answered with so far, those of bitmaps too, and rows read without an index. */
async function entriesRead(session = db): Promise<number> {
  await session.query('select pg_stat_force_next_flush()');
  const [row] = await session.query<{ entries: number }>(
    `select (sum(i.idx_tup_read) + max(t.seq_tup_read))::int as entries
       from pg_stat_user_indexes i join pg_stat_user_tables t using (relid) where t.relname = 'tasks_live'`,
  );
  return row?.entries ?? 0;
}

/** Pages of the table and of its indexes that were looked at so far, by sessions that have told of it. */
async function pagesRead(session: Database): Promise<number> {
  await session.query('select pg_stat_force_next_flush()');
  const [row] = await session.query<{ pages: number }>(
    `select (heap_blks_hit + heap_blks_read + idx_blks_hit + idx_blks_read)::int as pages from pg_statio_user_tables
      where relname = 'tasks_live'`,
  );
  return row?.pages ?? Number.NaN;
}
