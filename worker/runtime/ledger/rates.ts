/**
 * Rate limits: token buckets in Postgres, so that they hold over all processes. A task takes its token when it is let into the window:
 * limited queues have no fast path.
 */
import type { Queryable } from '../../db/index.ts';
import type { QueueName } from '../../queues.ts';

/** So many a second, of which a bucket that was not used saves up one second's worth, or one. */
export interface Rate {
  readonly perSecond: number;
}

export interface RateLimits {
  /** Of a queue as a whole. `MILLRACE_RATE_LIMITS`. */
  readonly queues: ReadonlyMap<QueueName, Rate>;
  /** Of each tenant in a queue. `MILLRACE_TENANT_RATE_LIMITS`. */
  readonly tenants: ReadonlyMap<QueueName, Rate>;
}

export const noRates: RateLimits = { queues: new Map(), tenants: new Map() };

export const isLimited = (rates: RateLimits, queue: QueueName): boolean =>
  rates.queues.has(queue) || rates.tenants.has(queue);

/** Stands for all tenants of a queue. */
const everybody = '00000000-0000-0000-0000-000000000000';

interface Bucket {
  readonly queue: QueueName;
  /** Undefined: the queue's own. */
  readonly tenantId: string | undefined;
  readonly rate: Rate;
}

/** What is left to spend: tokens by queue, and by queue and tenant; what is not limited has no end. */
export class Tokens {
  readonly #left = new Map<string, number>();
  readonly #spent = new Map<string, number>();

  static readonly #key = (queue: string, tenantId: string | undefined) => `${queue} ${tenantId ?? everybody}`;

  set(queue: string, tenantId: string, tokens: number): void {
    this.#left.set(Tokens.#key(queue, tenantId), Math.floor(tokens));
  }

  ofQueue(queue: QueueName): number {
    return this.#left.get(Tokens.#key(queue, undefined)) ?? Number.POSITIVE_INFINITY;
  }

  ofPair(queue: QueueName, tenantId: string): number {
    return Math.min(this.ofQueue(queue), this.#left.get(Tokens.#key(queue, tenantId)) ?? Number.POSITIVE_INFINITY);
  }

  /** Takes one of each bucket that limits this task; false when one of them is empty. */
  take(queue: QueueName, tenantId: string): boolean {
    if (this.ofPair(queue, tenantId) < 1) return false;
    for (const key of [Tokens.#key(queue, undefined), Tokens.#key(queue, tenantId)]) {
      const left = this.#left.get(key);
      if (left === undefined) continue;
      this.#left.set(key, left - 1);
      this.#spent.set(key, (this.#spent.get(key) ?? 0) + 1);
    }
    return true;
  }

  get spent(): readonly { readonly queue: string; readonly tenantId: string; readonly tokens: number }[] {
    return [...this.#spent].map(([key, tokens]) => {
      const [queue = '', tenantId = ''] = key.split(' ');
      return { queue, tenantId, tokens };
    });
  }
}

/** What bucket `b` holds by now, of the rate and burst of `l`. */
const refilled = 'least(l.burst, b.tokens + extract(epoch from clock_timestamp() - b.filled_at) * l.rate)::float8';
/** A bucket holds what a second lets through, and one at least. */
const burstOf = ({ perSecond }: Rate): number => Math.max(1, perSecond);

/** Fills the buckets of those who wait, by the time that has gone by, and reads them. */
export async function readTokens(
  tx: Queryable,
  rates: RateLimits,
  waiting: readonly { readonly queue: QueueName; readonly tenantId: string }[],
): Promise<Tokens> {
  const tokens = new Tokens();
  const buckets: Bucket[] = [];
  for (const queue of new Set(waiting.map((pair) => pair.queue))) {
    const rate = rates.queues.get(queue);
    if (rate) buckets.push({ queue, tenantId: undefined, rate });
  }
  for (const { queue, tenantId } of waiting) {
    const rate = rates.tenants.get(queue);
    if (rate) buckets.push({ queue, tenantId, rate });
  }
  if (buckets.length === 0) return tokens;
  const rows = await tx.query<{ queue: string; tenant_id: string; tokens: number }>(
    `with limited as (
       select * from unnest($1::text[], $2::uuid[], $3::float8[], $4::float8[]) as limited (queue, tenant_id, rate, burst)),
     made as (
       insert into rate_buckets (queue, tenant_id, tokens) select queue, tenant_id, burst from limited
       on conflict do nothing returning queue, tenant_id, tokens),
     filled as (
       update rate_buckets b
          set tokens = ${refilled},
              filled_at = clock_timestamp()
         from limited l where b.queue = l.queue and b.tenant_id = l.tenant_id
        returning b.queue, b.tenant_id, b.tokens)
     select * from made union all select * from filled`,
    [
      buckets.map(({ queue }) => queue),
      buckets.map(({ tenantId }) => tenantId ?? everybody),
      buckets.map(({ rate }) => rate.perSecond),
      buckets.map(({ rate }) => burstOf(rate)),
    ],
  );
  for (const row of rows) tokens.set(row.queue, row.tenant_id, row.tokens);
  return tokens;
}

/** A bucket as it stands now, unspent. */
export interface Bucketful extends Rate {
  readonly of: 'queue' | 'tenant';
  readonly tokens: number;
}

/** The buckets that a tenant's task in a queue takes from, for a look: nothing is spent or written. */
export async function readBuckets(
  db: Queryable,
  rates: RateLimits,
  queue: QueueName,
  tenantId: string,
): Promise<Bucketful[]> {
  const limited = [
    { of: 'queue' as const, owner: everybody, rate: rates.queues.get(queue) },
    { of: 'tenant' as const, owner: tenantId, rate: rates.tenants.get(queue) },
  ].flatMap(({ of, owner, rate }) => (rate ? [{ of, owner, rate }] : []));
  if (limited.length === 0) return [];
  const rows = await db.query<{ tenant_id: string; tokens: number }>(
    `select b.tenant_id, ${refilled} as tokens
       from rate_buckets b join unnest($2::uuid[], $3::float8[], $4::float8[]) as l (tenant_id, rate, burst) using (tenant_id)
      where b.queue = $1`,
    [
      queue,
      limited.map(({ owner }) => owner),
      limited.map(({ rate }) => rate.perSecond),
      limited.map(({ rate }) => burstOf(rate)),
    ],
  );
  const tokensOf = new Map(rows.map(({ tenant_id, tokens }) => [tenant_id, tokens]));
  return limited.map(({ of, owner, rate }) => ({
    of,
    perSecond: rate.perSecond,
    tokens: tokensOf.get(owner) ?? burstOf(rate),
  }));
}

/** Writes down what was taken; in the transaction that read it, behind the relays' lock. */
export async function spendTokens(tx: Queryable, tokens: Tokens): Promise<void> {
  const spent = tokens.spent;
  if (spent.length === 0) return;
  await tx.query(
    `update rate_buckets b set tokens = b.tokens - s.tokens
       from unnest($1::text[], $2::uuid[], $3::float8[]) as s (queue, tenant_id, tokens)
      where b.queue = s.queue and b.tenant_id = s.tenant_id`,
    [spent.map(({ queue }) => queue), spent.map(({ tenantId }) => tenantId), spent.map(({ tokens }) => tokens)],
  );
}

/** Removes buckets that nobody has read for an hour: they are full by then, as a new one is. Returns how many. */
export async function removeFullBuckets(db: Queryable, limit: number): Promise<number> {
  const rows = await db.query(
    `delete from rate_buckets where (queue, tenant_id) in (
       select queue, tenant_id from rate_buckets where filled_at < now() - interval '1 hour' order by filled_at limit $1)
     returning queue`,
    [limit],
  );
  return rows.length;
}
