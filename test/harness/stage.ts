/** What fault runs on real processes stand on: a database, a Redis, Millrace processes, and a load that comes through the API. */
import { once } from 'node:events';
import { setTimeout as wait } from 'node:timers/promises';
import { z } from 'zod';
import type { Database } from '../../worker/db/index.ts';
import type { TaskRequest } from '../../worker/runtime/index.ts';
import { type Load, type LoadOptions, type Sender, startLoad } from './checker.ts';
import { databaseVariables, openDatabase } from './database-address.ts';
import { type MillraceProcess, startMillrace } from './millrace-process.ts';
import type { RunningPostgres } from './postgres.ts';
import { freePort } from './processes.ts';
import { type RedisServers, redisServer } from './redis.ts';

const apiKey = 'mr-test-key-of-fault-runs';
/** An answer that takes longer is none. */
const requestMs = 40_000;
/** Connections of each process: many processes share one server. */
const poolSize = 8;

const acceptedSchema = z.object({ task_ids: z.array(z.string()) });
const problemSchema = z.object({ code: z.string() });

export interface StageLoadOptions extends Pick<LoadOptions, 'run' | 'seed' | 'tasks' | 'overMs'> {
  /** Seconds until each is due: then the relay hands it over, and not the fast path. */
  readonly countdownSeconds?: number;
}

export interface StageLoad extends Load {
  /** Answers by their status and code, `202` and `none` among them. */
  readonly answers: ReadonlyMap<string, number>;
  /** Tasks that the API said it did not take, and that are in the ledger all the same. */
  refusedButKept(): Promise<number>;
}

export interface StageProcess extends MillraceProcess {
  /** Resolves with the moment of its end, whoever brings it about. */
  readonly ended: Promise<number>;
}

export interface Stage extends AsyncDisposable {
  /** The test's own eyes on the ledger. */
  readonly db: Database;
  readonly redis: RedisServers;
  /** The API's address: the same after a restart. */
  readonly url: string;
  /** Of its one tenant. */
  readonly key: string;
  start(mode: 'api' | 'worker' | 'beat', env?: Readonly<Record<string, string>>): Promise<StageProcess>;
  startWorkers(count: number, env?: Readonly<Record<string, string>>): Promise<StageProcess[]>;
  /** POST with the key; the answer's body is read. @throws when there is no answer */
  post(path: string, body: unknown): Promise<{ readonly status: number; readonly body: unknown }>;
  load(options: StageLoadOptions): StageLoad;
}

export interface StageOptions {
  readonly postgres: RunningPostgres;
  /** Of another topology than one server. */
  readonly redis?: RedisServers;
  /** For every process. */
  readonly env?: Readonly<Record<string, string>>;
}

/** @param options.postgres belongs to the caller; all else is ended with the stage. */
export async function openStage({ postgres, redis: given, env = {} }: StageOptions): Promise<Stage> {
  await using stack = new AsyncDisposableStack();
  const database = stack.use(await postgres.createDatabase());
  const redis = given ?? stack.use(await redisServer.start());
  const db = openDatabase(database.address);
  stack.defer(() => db.close());
  const processes = stack.use(new AsyncDisposableStack());
  const apiPort = await freePort();
  const url = `http://127.0.0.1:${apiPort}`;
  const shared = {
    ...databaseVariables(database.address),
    SQLALCHEMY_POOL_SIZE: String(poolSize),
    SQLALCHEMY_MAX_OVERFLOW: '0',
    ...redis.environment,
    MILLRACE_API_KEY: apiKey,
    MILLRACE_SAMPLE_TASKS: 'true',
    CELERY_QUEUES: 'fast_tasks',
    CELERY_WORKER_AMOUNT: '8',
    DIFY_PORT: String(apiPort),
    LOG_LEVEL: 'INFO',
    ...env,
  };
  const start: Stage['start'] = async (mode, own = {}) => {
    const started = processes.use(await startMillrace({ ...shared, MODE: mode, ...own }));
    return { ...started, ended: once(started.child, 'exit').then(() => Date.now()) };
  };
  const post: Stage['post'] = async (path, body) => {
    const response = await fetch(`${url}${path}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(requestMs),
    });
    return { status: response.status, body: await response.json() };
  };
  const opened = stack.move();
  return {
    db,
    redis,
    url,
    key: apiKey,
    start,
    startWorkers: (count, own) => Promise.all(Array.from({ length: count }, () => start('worker', own))),
    post,
    load: (options) => startStageLoad({ db, post }, options),
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
}

function startStageLoad(
  { db, post }: Pick<Stage, 'db' | 'post'>,
  { countdownSeconds, ...options }: StageLoadOptions,
): StageLoad {
  const answers = new Map<string, number>();
  const refused: string[] = [];
  const count = (answer: string) => answers.set(answer, (answers.get(answer) ?? 0) + 1);
  const enqueuer: Sender = {
    async batch(requests) {
      let answer: Awaited<ReturnType<typeof post>>;
      try {
        answer = await post('/v1/tasks/batch', { tasks: requests.map((request) => bodyOf(request, countdownSeconds)) });
      } catch (error) {
        count('none');
        throw error;
      }
      if (answer.status === 202) {
        count('202');
        return acceptedSchema.parse(answer.body).task_ids.map((id) => ({ id }));
      }
      const { code } = problemSchema.parse(answer.body);
      count(`${answer.status} ${code}`);
      if (code !== 'outcome_unknown') refused.push(...requests.map(({ options: { taskId = '' } = {} }) => taskId));
      throw new Error(`the API answered ${answer.status} ${code}`);
    },
  };
  return {
    ...startLoad({ db, enqueuer, ...options }),
    answers,
    async refusedButKept() {
      const [kept] = await db.query<{ n: number }>('select count(*)::int as n from tasks where id = any ($1::uuid[])', [
        refused,
      ]);
      return kept?.n ?? 0;
    },
  };
}

const bodyOf = ({ task, payload, options }: TaskRequest, countdownSeconds: number | undefined) => ({
  task,
  payload,
  options: { task_id: options?.taskId, ...(countdownSeconds !== undefined && { countdown: countdownSeconds }) },
});

/** Resolves with the moment at which a process came to its end by itself. @throws when it lives longer than `withinMs` */
export async function endOf(started: StageProcess, withinMs: number): Promise<number> {
  const over = new AbortController();
  const late = wait(withinMs, undefined, { signal: over.signal }).then(() => {
    throw new Error(`the process lived on for ${withinMs} ms:\n${started.log()}`);
  });
  try {
    return await Promise.race([started.ended, late]);
  } finally {
    over.abort();
    await late.catch(() => undefined);
  }
}
