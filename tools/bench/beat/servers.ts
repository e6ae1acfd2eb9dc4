/** One Postgres and one Redis for all rounds; each part has a database of its own, and beats of its own. */
import { postgresServer, type RunningPostgres } from '../../../test/harness/postgres.ts';
import { type RunningRedis, redisServer } from '../../../test/harness/redis.ts';
import { openStage, type Stage, type StageProcess } from '../../../test/harness/stage.ts';
import { until } from '../../../test/harness/until.ts';
import { readLeader } from '../../../worker/runtime/index.ts';

const leadMs = 30_000;

export interface BeatServers extends AsyncDisposable {
  readonly postgres: RunningPostgres;
  readonly redis: RunningRedis;
}

export async function startServers(): Promise<BeatServers> {
  await using stack = new AsyncDisposableStack();
  const redis = stack.use(await redisServer.start());
  const settings = { shared_preload_libraries: 'pg_stat_statements' };
  const postgres = stack.use(await postgresServer.start({ settings }));
  const opened = stack.move();
  return { postgres, redis, [Symbol.asyncDispose]: () => opened.disposeAsync() };
}

/** Resolves once a beat leads. */
export const whenLed = ({ db }: Stage): Promise<void> =>
  until('a beat leads', leadMs, async () => (await readLeader(db)) !== undefined);

export interface TwoBeats extends AsyncDisposable {
  readonly stage: Stage;
  readonly beats: readonly StageProcess[];
}

/** Two beats on an empty database, one of which leads. */
export async function openTwo(servers: BeatServers): Promise<TwoBeats> {
  await using stack = new AsyncDisposableStack();
  const stage = stack.use(await openStage(servers));
  const beats = await Promise.all([stage.start('beat'), stage.start('beat')]);
  await whenLed(stage);
  const opened = stack.move();
  return { stage, beats, [Symbol.asyncDispose]: () => opened.disposeAsync() };
}
