/** Ready means: makes progress. Each process answers for itself, cheaply. */
import type { Database } from '../db/index.ts';
import { errorText } from '../errors.ts';
import type { RedisConnection } from '../redis/index.ts';
import { answered } from '../within.ts';

export interface Check {
  readonly ok: boolean;
  readonly detail?: string;
}

export interface Readiness {
  readonly ready: boolean;
  readonly checks: Readonly<Record<string, Check>>;
}

/** An idle queue is heard from at least each 5 s (its longest block); three of those and it hangs. */
const silentLimitMs = 15_000;
const checkTimeoutMs = 2000;
/** Many probes a second ask the database once. */
const cacheMs = 1000;

async function answers<T>(ask: () => Promise<T>, judge: (answer: T) => Check = () => ({ ok: true })): Promise<Check> {
  try {
    return judge(await answered(checkTimeoutMs, ask()));
  } catch (error) {
    return { ok: false, detail: errorText(error) };
  }
}

const judgeSilence = (silent: readonly string[]): Check =>
  silent.length === 0 ? { ok: true } : { ok: false, detail: `no word from redis for ${silent.join(', ')}` };

export function createReadiness(deps: {
  readonly db: Database;
  /** Left out where work is accepted without Redis: a 202 needs Postgres only. */
  readonly redis: RedisConnection | undefined;
  /** Queues from which the consumer, wherever it runs, has heard nothing for so long. */
  readonly silentQueues: ((ms: number) => Promise<readonly string[]>) | undefined;
}): () => Promise<Readiness> {
  let cached: { at: number; answer: Promise<Readiness> } | undefined;
  const ask = async (): Promise<Readiness> => {
    const { db, redis, silentQueues } = deps;
    const checks: Record<string, Check> = { database: await answers(() => db.query('select 1')) };
    if (redis) checks.redis = await answers(() => redis.ping());
    if (silentQueues) checks.consumer = await answers(() => silentQueues(silentLimitMs), judgeSilence);
    return { ready: Object.values(checks).every((check) => check.ok), checks };
  };
  return () => {
    if (!cached || Date.now() - cached.at > cacheMs) cached = { at: Date.now(), answer: ask() };
    return cached.answer;
  };
}
