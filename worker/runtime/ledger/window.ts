/** The window in the ledger: what stands in Redis, who waits, and who is let in next. */
import type { Database, Queryable } from '../../db/index.ts';
import { liveSeconds } from '../../heartbeat.ts';
import type { QueueName } from '../../queues.ts';
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

interface Standing extends Pair {
  /** Rows that are QUEUED. */
  readonly standing: number;
  /** Isolated rows that are QUEUED or RUNNING. */
  readonly held: number;
}

interface Waiting extends Pair {
  /** For how long the first of its rows has been due, seconds. */
  readonly seconds: number;
}

export interface WindowState {
  readonly standing: readonly Standing[];
  /** Who has rows that are due and not in Redis. */
  readonly waiting: readonly Waiting[];
  /** There are more such than were read. */
  readonly moreWait: boolean;
  /** Queues whose live workers all take from the backlog by themselves. */
  readonly pulled: readonly QueueName[];
}

/** Whether workers take from the backlog of a queue: of a limited one nobody does, since the relay counts its tokens. */
export const isPulled = ({ rates }: WindowLimits, queue: QueueName, allPull: boolean): boolean =>
  allPull && !isLimited(rates, queue);

/** Most jobs of a queue that the relay lets stand in Redis now. */
export const windowSize = ({ size }: Pick<WindowLimits, 'size'>, pulled: boolean): number =>
  pulled ? Math.min(pulledSize, size) : size;
const sizeOf = ({ pulled }: WindowState, limits: WindowLimits, queue: QueueName): number =>
  windowSize(limits, isPulled(limits, queue, pulled.includes(queue)));

/** Most pairs of queue and tenant that one round looks at; the next round goes on behind them. */
const pairsPerRound = 500;
/** Most rows that one round lets in. */
const refillBatch = 2500;

/** Of a row `t` that is not in Redis. */
export const waits = `t.status in ('PENDING', 'RETRYING')`;
/** As `waits`, of rows that are named: said so that no planner takes it for a reason to read the whole index of what waits. */
const stillWaits = `case when ${waits} then true end`;
/** Of a row `t` that is due. By `statement_timestamp()`: a volatile clock is never a condition of an index, and the index would be read to its end. */
export const mayRun = `t.due_at <= statement_timestamp() and (t.expires_at is null or t.expires_at > statement_timestamp() or t.started_at is not null)`;

/** What stands in Redis, by queue and tenant: two scans of indexes that hold no more than the windows. */
async function readStanding(db: Queryable): Promise<Standing[]> {
  return db.query<Standing>(
    `select queue, tenant_id as "tenantId", sum(standing)::int as standing, sum(held)::int as held from (
       select queue, tenant_id, 1 as standing, 0 as held from tasks_live where status = 'QUEUED'
       union all
       select queue, tenant_id, 0, 1 from tasks_live where isolated and status in ('QUEUED', 'RUNNING')) as rows
      group by queue, tenant_id`,
  );
}

/**
 * Pairs with due rows. The index is walked from pair to pair, and each is asked at 18 places (isolated or not, nine priorities),
 * so that a million waiting rows cost what ten do.
 */
async function readWaiting(db: Queryable, after: Pair | undefined): Promise<Waiting[]> {
  return db.query<Waiting>(
    `with recursive pairs as (
       (select t.queue, t.tenant_id from tasks_live t
         where ${waits} and ($1::text is null or (t.queue, t.tenant_id) > ($1, $2::uuid))
         order by t.queue, t.tenant_id limit 1)
       union all
       select next.queue, next.tenant_id from pairs
         cross join lateral (
           select t.queue, t.tenant_id from tasks_live t
            where ${waits} and (t.queue, t.tenant_id) > (pairs.queue, pairs.tenant_id)
            order by t.queue, t.tenant_id limit 1) as next)
     select queue, tenant_id as "tenantId", extract(epoch from clock_timestamp() - due.since)::float8 as seconds from pairs
      cross join lateral (
        select min(first.due_at) as since from (values (false), (true)) as kind (isolated) cross join generate_series(1, 9) as level
         cross join lateral (
           select t.due_at from tasks_live t
            where ${waits} and t.queue = pairs.queue and t.tenant_id = pairs.tenant_id and t.isolated = kind.isolated
              and t.priority = level and ${mayRun} order by t.due_at limit 1) as first) as due
      where due.since is not null limit ${pairsPerRound}`,
    [after?.queue ?? null, after?.tenantId ?? null],
  );
}

async function readPulled(db: Queryable): Promise<QueueName[]> {
  const rows = await db.query<{ queue: QueueName }>(
    `select queue from workers cross join unnest(queues) as queue
      where seen_at > now() - interval '${liveSeconds} seconds' group by queue having bool_and(pulls)`,
  );
  return rows.map(({ queue }) => queue);
}

/**
 * Rows stand in the window for milliseconds, and what they leave in its index until the next vacuum, up to a minute, is a hundred thousand
 * dead entries. A scan of the index notes which are dead and passes over them from then on; a bitmap, which the planner prefers for
 * these few rows, reads all of them each time: 5 ms a look after 20 s at 3,000 tasks/s, and more each second.
 */
const noBitmaps = `select set_config('enable_bitmapscan', 'off', true)`;

/**
 * The window as it stands.
 * @param tx a transaction: its plans are without bitmaps from here on
 * @param after where the last round ended, when it did not get through all who wait
 */
export async function readWindow(tx: Queryable, after?: Pair): Promise<WindowState> {
  await tx.query(noBitmaps);
  const standing = await readStanding(tx);
  const waiting = await readWaiting(tx, after);
  const pulled = waiting.length === 0 ? [] : await readPulled(tx);
  return { standing, waiting, moreWait: after !== undefined || waiting.length === pairsPerRound, pulled };
}

/** How many of a pair may be let in at most: all kinds, and of those isolated ones. */
interface Allowance extends Pair {
  readonly standing: number;
  readonly most: number;
  readonly isolated: number;
}

/** What each pair may get, before they are weighed against each other. */
export function allowances(state: WindowState, limits: WindowLimits, tokens = new Tokens()): Allowance[] {
  const known = new Map(state.standing.map((pair) => [pairKey(pair.queue, pair.tenantId), pair]));
  const total = new Map<QueueName, number>();
  for (const { queue, standing } of state.standing) total.set(queue, (total.get(queue) ?? 0) + standing);
  return [...Map.groupBy(state.waiting, ({ queue }) => queue)].flatMap(([queue, pairs]) => {
    const size = sizeOf(state, limits, queue);
    const free = size - (total.get(queue) ?? 0);
    // a few free places are not worth a round of their own: a quarter of the window is taken in at once
    const worth = free >= Math.min(size / 4, tokens.ofQueue(queue));
    const share = Math.max(fewInWindow, Math.ceil((2 * Math.min(free, refillBatch)) / pairs.length));
    return pairs.flatMap((pair): Allowance[] => {
      const { standing = 0, held = 0 } = known.get(pairKey(queue, pair.tenantId)) ?? {};
      const few = Math.max(0, Math.min(fewInWindow, limits.size) - standing);
      const most = Math.min(worth ? Math.min(free, share) : few, tokens.ofPair(queue, pair.tenantId));
      if (most <= 0) return [];
      const isolated = Math.min(most, Math.max(0, limits.isolatedPerTenant - held));
      return [{ queue, tenantId: pair.tenantId, standing, most, isolated }];
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

/** Takes tenants in turn: who has least in the window goes first, until it is full; tenants with few get theirs in any case. */
export function inTurn(
  candidates: readonly Candidate[],
  pairs: readonly Allowance[],
  state: WindowState,
  limits: WindowLimits,
  tokens = new Tokens(),
): LetIn[] {
  const before = new Map(pairs.map((pair) => [pairKey(pair.queue, pair.tenantId), pair.standing]));
  const total = new Map<QueueName, number>();
  for (const { queue, standing } of state.standing) total.set(queue, (total.get(queue) ?? 0) + standing);
  const sizes = new Map(pairs.map(({ queue }) => [queue, sizeOf(state, limits, queue)]));
  const placed = candidates.map((candidate) => {
    const key = pairKey(candidate.queue, candidate.tenantId);
    const place = before.get(key) ?? 0;
    before.set(key, place + 1);
    return { ...candidate, place };
  });
  placed.sort((a, b) => a.place - b.place || b.priority - a.priority);
  const taken: LetIn[] = [];
  for (const { id, queue, tenantId, place } of placed) {
    const inWindow = total.get(queue) ?? 0;
    if (taken.length === refillBatch || (inWindow >= (sizes.get(queue) ?? 0) && place >= fewInWindow)) continue;
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
    const letIn = inTurn(await readCandidates(tx, pairs), pairs, state, limits, tokens);
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
