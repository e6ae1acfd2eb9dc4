/** The window in the ledger: what stands in Redis, who waits, and who is let in next. */
import type { Database, Queryable } from '../../db/index.ts';
import { liveSeconds } from '../../heartbeat.ts';
import { type QueueName, queueNames } from '../../queues.ts';
import type { Handover } from './handover.ts';
import { isLimited, type RateLimits, readTokens, spendTokens, Tokens } from './rates.ts';

export interface WindowLimits {
  /** Most durable jobs of a queue that wait in Redis. `MILLRACE_WINDOW`. */
  readonly size: number;
  /** Most tasks a tenant has at once of those that declare `tenantIsolated`, in a queue. `TENANT_ISOLATED_TASK_CONCURRENCY`. */
  readonly isolatedPerTenant: number;
  readonly rates: RateLimits;
}

/** A tenant with fewer than this in the window is let in even when it is full. */
export const fewInWindow = 8;
/**
 * The window of a queue whose workers all pull: enough to wake those that sleep, which then take the backlog by themselves. What is
 * handed over beyond it costs an add, a fetch and an acknowledgement, and gains nothing.
 */
export const pulledSize = 64;
/** A queue and a tenant as one key. */
export const pairKey = (queue: QueueName, tenantId: string): string => `${queue} ${tenantId}`;

interface Pair {
  readonly queue: QueueName;
  readonly tenantId: string;
}

/** Of one priority. */
interface Standing extends Pair {
  readonly priority: number;
  /** Rows that are QUEUED. */
  readonly standing: number;
  /** Isolated rows that are QUEUED or RUNNING. */
  readonly held: number;
}

interface Waiting extends Pair {
  /** For how long the first of its rows has been due, seconds. */
  readonly seconds: number;
  /** The highest priority of which a row is due that does not bind its tenant; 0: none is. */
  readonly top: number;
  /** Of those that do. */
  readonly topIsolated: number;
}

export interface WindowState {
  readonly standing: readonly Standing[];
  /** Who has rows that are due and not in Redis, of those that were looked at. */
  readonly waiting: readonly Waiting[];
  /** The pair behind which this look began; undefined: with the first there is. */
  readonly after: Pair | undefined;
  /** The pair behind which the next look goes on; undefined: this one came to the end of all that wait, due or not. */
  readonly next: Pair | undefined;
  /** Queues that have live workers which take nothing from the backlog by themselves. */
  readonly fetched: readonly QueueName[];
  /** Queues without a live worker. */
  readonly unserved: readonly QueueName[];
}

/** Whether workers take from the backlog of a queue: of a limited one nobody does, since the relay counts its tokens. */
export const isPulled = ({ rates }: WindowLimits, queue: QueueName, allPull: boolean): boolean =>
  allPull && !isLimited(rates, queue);

/** What is known of the workers of a queue. */
export interface Service {
  /** There is a live one. */
  readonly served: boolean;
  /** They take from the backlog by themselves. */
  readonly pulled: boolean;
}

/** Most jobs of a queue that the relay lets stand in Redis now: of one without workers no more than wakes those that come. */
export const windowSize = ({ size }: Pick<WindowLimits, 'size'>, { served, pulled }: Service): number =>
  pulled || !served ? Math.min(pulledSize, size) : size;
const sizeOf = ({ fetched, unserved }: WindowState, limits: WindowLimits, queue: QueueName): number =>
  windowSize(limits, {
    served: !unserved.includes(queue),
    pulled: isPulled(limits, queue, !fetched.includes(queue)),
  });

/**
 * Most levels, which are a pair's rows of one kind and priority, that one look passes, due or not; the next goes on behind them. What is handed over by the
 * relay alone waits for as many looks as pass all levels.
 */
const levelsPerLook = 5000;
/** Most rows that one round lets in. */
const refillBatch = 2500;

/** Of a row `t` that is not in Redis. */
export const waits = `t.status in ('PENDING', 'RETRYING')`;
/** As `waits`, of rows that are named: said so that no planner takes it for a reason to read the whole index of what waits. */
const stillWaits = `case when ${waits} then true end`;
/** Of a row `t` that is due. By `statement_timestamp()`: a volatile clock is never a condition of an index, and the index would be read to its end. */
export const mayRun = `t.due_at <= statement_timestamp() and (t.expires_at is null or t.expires_at > statement_timestamp() or t.started_at is not null)`;

/** What stands in Redis, by queue, tenant and priority: two scans of indexes that hold no more than the windows. */
async function readStanding(db: Queryable): Promise<Standing[]> {
  return db.query<Standing>(
    `select queue, tenant_id as "tenantId", priority::int as priority, sum(standing)::int as standing, sum(held)::int as held from (
       select queue, tenant_id, priority, 1 as standing, 0 as held from tasks_live where status = 'QUEUED'
       union all
       select queue, tenant_id, priority, 0, 1 from tasks_live where isolated and status in ('QUEUED', 'RUNNING')) as rows
      group by queue, tenant_id, priority`,
  );
}

interface Level extends Pair {
  readonly priority: number;
  readonly isolated: boolean;
  /** For how long the first of its rows has been due, seconds; null: none is. */
  readonly seconds: number | null;
}

/** With no queue: where the index begins. Said so and not as null, which a plan for any place would take for a reason to read all before it. */
const beforeAll = '00000000-0000-0000-0000-000000000000';
const levelOrder = 't.queue, t.tenant_id, t.isolated, t.priority desc, t.due_at';
const ofLevel = 't.queue, t.tenant_id, t.isolated, t.priority, t.due_at';

/**
 * Levels with rows that wait. The index is walked from level to level, two reads each, and those whose first row is due are asked for one that may
 * run: a million waiting rows cost what ten do, and 10,000 tenants of whom nothing is due a bounded part of a look.
 */
async function readLevels(db: Queryable, after: Pair | undefined): Promise<Level[]> {
  return db.query<Level>(
    `with recursive levels as (
       (select 1 as place, ${ofLevel} from tasks_live t
         where ${waits} and (t.queue, t.tenant_id) > ($1, $2::uuid)
         order by ${levelOrder} limit 1)
       union all
       select levels.place + 1, next.* from levels
         cross join lateral (
           (select ${ofLevel} from tasks_live t
             where ${waits} and t.queue = levels.queue and t.tenant_id = levels.tenant_id and t.isolated = levels.isolated
               and t.priority < levels.priority
             order by t.priority desc, t.due_at limit 1)
           union all
           (select ${ofLevel} from tasks_live t
             where ${waits} and (t.queue, t.tenant_id, t.isolated) > (levels.queue, levels.tenant_id, levels.isolated)
             order by ${levelOrder} limit 1)
           limit 1) as next
        where levels.place < ${levelsPerLook})
     select levels.queue, levels.tenant_id as "tenantId", levels.priority::int as priority, levels.isolated,
            extract(epoch from clock_timestamp() - first.due_at)::float8 as seconds
       from levels
       left join lateral (
         select t.due_at from tasks_live t
          where levels.due_at <= statement_timestamp() and ${waits} and t.queue = levels.queue and t.tenant_id = levels.tenant_id
            and t.isolated = levels.isolated and t.priority = levels.priority and ${mayRun} order by t.due_at limit 1) as first on true
      order by levels.place`,
    [after?.queue ?? '', after?.tenantId ?? beforeAll],
  );
}

/** Pairs with due rows, and where the next look goes on. A pair of which not all levels were passed is left to it. */
async function readWaiting(db: Queryable, after: Pair | undefined): Promise<Pick<WindowState, 'waiting' | 'next'>> {
  const levels = await readLevels(db, after);
  const pairs = [...Map.groupBy(levels, ({ queue, tenantId }) => pairKey(queue, tenantId)).values()];
  if (levels.length === levelsPerLook) pairs.pop();
  const waiting = pairs.flatMap((ofPair): Waiting[] => {
    const due = ofPair.flatMap(({ seconds, ...level }) => (seconds === null ? [] : [{ ...level, seconds }]));
    const [first] = due;
    if (!first) return [];
    const seconds = Math.max(...due.map((level) => level.seconds));
    const topOf = (isolated: boolean) =>
      Math.max(0, ...due.filter((level) => level.isolated === isolated).map(({ priority }) => priority));
    return [{ queue: first.queue, tenantId: first.tenantId, seconds, top: topOf(false), topIsolated: topOf(true) }];
  });
  const last = levels.length === levelsPerLook ? pairs.at(-1)?.[0] : undefined;
  return { waiting, next: last && { queue: last.queue, tenantId: last.tenantId } };
}

/** The workers of each queue are few rows. */
async function readService(db: Queryable): Promise<Pick<WindowState, 'fetched' | 'unserved'>> {
  const rows = await db.query<{ queue: QueueName; pulled: boolean }>(
    `select queue, bool_and(pulls) as pulled from workers cross join unnest(queues) as queue
      where seen_at > now() - interval '${liveSeconds} seconds' group by queue`,
  );
  const served = new Set(rows.map(({ queue }) => queue));
  return {
    fetched: rows.filter(({ pulled }) => !pulled).map(({ queue }) => queue),
    unserved: queueNames.filter((queue) => !served.has(queue)),
  };
}

/**
 * Rows stand in the window for milliseconds, and what they leave in its index until the next vacuum, up to a minute, is a hundred thousand
 * dead entries. A scan of the index notes which are dead and passes over them from then on; a bitmap, which the planner prefers for
 * these few rows, reads all of them each time: 5 ms a look after 20 s at 3,000 tasks/s, and more each second. A scan of the table, which it
 * prefers when it was analysed while most of it stood in the window, reads every page there is.
 */
const byIndexes = `select set_config('enable_bitmapscan', 'off', true), set_config('enable_seqscan', 'off', true)`;

/**
 * The window as it stands.
 * @param tx a transaction: its plans go by indexes from here on
 * @param after where the last round ended, when it did not get through all who wait
 */
export async function readWindow(tx: Queryable, after?: Pair): Promise<WindowState> {
  await tx.query(byIndexes);
  const standing = await readStanding(tx);
  return { standing, after, ...(await readWaiting(tx, after)), ...(await readService(tx)) };
}

/** How many of a pair may be let in at most: all kinds, and of those isolated ones. */
interface Allowance extends Pair {
  readonly most: number;
  readonly isolated: number;
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0);

/** What stands in Redis, as it is asked for. */
class Stand {
  readonly #ofPair: ReadonlyMap<string, readonly Standing[]>;
  readonly #ofQueue = new Map<QueueName, number>();

  constructor({ standing }: Pick<WindowState, 'standing'>) {
    this.#ofPair = Map.groupBy(standing, ({ queue, tenantId }) => pairKey(queue, tenantId));
    for (const row of standing) this.#ofQueue.set(row.queue, this.ofQueue(row.queue) + row.standing);
  }

  ofQueue(queue: QueueName): number {
    return this.#ofQueue.get(queue) ?? 0;
  }

  /** The tenant's rows of a priority and of those above: what goes before a row of that priority, or beside it. */
  ofTenant({ queue, tenantId }: Pair, priority: number): number {
    const rows = this.#ofPair.get(pairKey(queue, tenantId)) ?? [];
    return sum(rows.filter((row) => row.priority >= priority).map(({ standing }) => standing));
  }

  held({ queue, tenantId }: Pair): number {
    return sum((this.#ofPair.get(pairKey(queue, tenantId)) ?? []).map(({ held }) => held));
  }
}

/** What each pair may get, before they are weighed against each other. */
export function allowances(state: WindowState, limits: WindowLimits, tokens = new Tokens()): Allowance[] {
  const stand = new Stand(state);
  return [...Map.groupBy(state.waiting, ({ queue }) => queue)].flatMap(([queue, pairs]) => {
    const size = sizeOf(state, limits, queue);
    const free = size - stand.ofQueue(queue);
    // where nobody takes anything there is no turn to wait for
    const hasFew = !state.unserved.includes(queue);
    // a few free places are not worth a round of their own: a quarter of the window is taken in at once
    const worth = free >= Math.min(size / 4, tokens.ofQueue(queue));
    const share = Math.max(fewInWindow, Math.ceil((2 * Math.min(free, refillBatch)) / pairs.length));
    return pairs.flatMap((pair): Allowance[] => {
      const mayBind = Math.max(0, limits.isolatedPerTenant - stand.held(pair));
      const top = Math.max(pair.top, mayBind > 0 ? pair.topIsolated : 0);
      const few = hasFew ? Math.max(0, Math.min(fewInWindow, limits.size) - stand.ofTenant(pair, top)) : 0;
      const most = Math.min(worth ? Math.min(free, share) : few, tokens.ofPair(queue, pair.tenantId));
      if (most <= 0 || top === 0) return [];
      return [{ queue, tenantId: pair.tenantId, most, isolated: Math.min(most, mayBind) }];
    });
  });
}

interface Candidate extends Pair {
  readonly id: string;
  readonly priority: number;
}

/** Due rows of these pairs, each pair's in the order in which they are to run. */
async function readCandidates(db: Queryable, pairs: readonly Allowance[]): Promise<Candidate[]> {
  return db.query<Candidate>(
    `select pair.queue, pair.tenant_id as "tenantId", row.id, row.priority::int as priority
       from unnest($1::text[], $2::uuid[], $3::int[], $4::int[]) with ordinality as pair (queue, tenant_id, most, isolated, place)
      cross join lateral (
        select * from (
          (select row.* from generate_series(9, 1, -1) as level cross join lateral (
              select t.id, t.priority, t.due_at from tasks_live t
               where ${waits} and t.queue = pair.queue and t.tenant_id = pair.tenant_id and not t.isolated
                 and t.priority = level and ${mayRun} order by t.due_at limit pair.most) as row
            order by row.priority desc, row.due_at limit pair.most)
          union all
          (select row.* from generate_series(9, 1, -1) as level cross join lateral (
              select t.id, t.priority, t.due_at from tasks_live t
               where ${waits} and t.queue = pair.queue and t.tenant_id = pair.tenant_id and t.isolated
                 and t.priority = level and ${mayRun} order by t.due_at limit pair.isolated) as row
            order by row.priority desc, row.due_at limit pair.isolated)) as both_kinds
         order by priority desc, due_at limit pair.most) as row
      order by pair.place, row.priority desc, row.due_at`,
    [
      pairs.map(({ queue }) => queue),
      pairs.map(({ tenantId }) => tenantId),
      pairs.map(({ most }) => most),
      pairs.map(({ isolated }) => isolated),
    ],
  );
}

/** A row that is let in, with its tenant's place in the window. */
export interface LetIn {
  readonly id: string;
  readonly place: number;
}

/**
 * Takes tenants in turn: who has least in the window goes first, until it is full; tenants with few get theirs in any case. What a tenant has
 * there of lower priority does not count: it stands behind.
 */
export function inTurn(
  candidates: readonly Candidate[],
  state: WindowState,
  limits: WindowLimits,
  tokens = new Tokens(),
): LetIn[] {
  const stand = new Stand(state);
  const before = new Map<string, number>();
  const placed = candidates.map((candidate) => {
    // of a tenant, high priorities come first
    const key = pairKey(candidate.queue, candidate.tenantId);
    const ahead = before.get(key) ?? 0;
    before.set(key, ahead + 1);
    return { ...candidate, place: stand.ofTenant(candidate, candidate.priority) + ahead };
  });
  placed.sort((a, b) => a.place - b.place || b.priority - a.priority);
  const total = new Map<QueueName, number>();
  const taken: LetIn[] = [];
  for (const { id, queue, tenantId, place } of placed) {
    const inWindow = total.get(queue) ?? stand.ofQueue(queue);
    const few = place < fewInWindow && !state.unserved.includes(queue);
    if (taken.length === refillBatch || (inWindow >= sizeOf(state, limits, queue) && !few)) continue;
    if (!tokens.take(queue, tenantId)) continue;
    total.set(queue, inWindow + 1);
    taken.push({ id, place });
  }
  return taken;
}

/** Serves one relay at a time, of all processes: else each would fill the same free places. Any constant does. */
const refillLock = 7_041_905;

export interface Refill {
  readonly rows: Handover[];
  /** The window as it stood before. */
  readonly state: WindowState;
}

/**
 * Lets due rows into the window and marks them QUEUED; undefined when another relay does so now. The caller adds their jobs, and
 * releases those that Redis does not take; if it dies in between, the reconciler puts them back.
 */
export async function refill(db: Database, limits: WindowLimits, after: Pair | undefined): Promise<Refill | undefined> {
  return db.tx(async (tx) => {
    const [lock] = await tx.query<{ held: boolean }>('select pg_try_advisory_xact_lock($1) as held', [refillLock]);
    if (!lock?.held) return undefined;
    const state = await readWindow(tx, after);
    const tokens = await readTokens(tx, limits.rates, state.waiting);
    const pairs = allowances(state, limits, tokens);
    if (pairs.length === 0) return { rows: [], state };
    const letIn = inTurn(await readCandidates(tx, pairs), state, limits, tokens);
    if (letIn.length === 0) return { rows: [], state };
    await spendTokens(tx, tokens);
    return { rows: await markQueued(tx, letIn), state };
  });
}

interface HandoverRow {
  id: string;
  epoch: number;
  name: string;
  queue: QueueName;
  tenant_id: string;
  user_id: string | null;
  payload: unknown;
  priority: number;
}

/** Rows that somebody has in hand are left to the next round: a handler may hold one for as long as its transaction, and all relays would wait. */
async function markQueued(tx: Queryable, letIn: readonly LetIn[]): Promise<Handover[]> {
  const places = new Map(letIn.map(({ id, place }) => [id, place]));
  const rows = await tx.query<HandoverRow>(
    `update tasks_live t set status = 'QUEUED', queued_at = clock_timestamp()
      where t.id = any (array(
        select t.id from tasks_live t
         where t.id = any ($1::uuid[]) and ${stillWaits} and ${mayRun} order by t.id for update skip locked))
      returning id, epoch, name, queue, tenant_id, user_id, payload, priority`,
    [[...places.keys()]],
  );
  return rows.map((row) => ({
    id: row.id,
    epoch: row.epoch,
    name: row.name,
    queue: row.queue,
    tenantId: row.tenant_id,
    userId: row.user_id ?? undefined,
    payload: row.payload,
    priority: row.priority,
    place: places.get(row.id) ?? 0,
  }));
}
