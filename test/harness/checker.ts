/**
 * The exact checker of fault runs, in the manner of Jepsen's `total-queue`: a load with a fixed seed, drained to the end, every
 * id accounted for in the ledger and in what its task wrote.
 */
import { setTimeout as wait } from 'node:timers/promises';
import type { Database } from '../../worker/db/index.ts';
import type { RegisteredTask, TaskRequest } from '../../worker/runtime/index.ts';
import { defaultTenantId as tenantId } from '../../worker/services/tenants/tenants.ts';
import { sampleTasks } from '../../worker/tasks/sample/sample-tasks.ts';
import { randomOf } from './random.ts';
import { until } from './until.ts';

const task = 'sample_effect';
/** Sizes of batches are spread over 1 to this. */
const maxBatch = 40;

/** A UUID (version 4 in form) from the generator. */
function uuidOf(random: () => number): string {
  const hex = Array.from({ length: 32 }, (_, at) => {
    const digit = Math.floor(random() * 16);
    if (at === 12) return '4';
    return (at === 16 ? (digit & 3) | 8 : digit).toString(16);
  }).join('');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

/** The sample tasks, and how often each task was begun: a run that is begun twice is no failure, and is reported. */
export function countedSampleTasks(): {
  readonly tasks: readonly RegisteredTask[];
  readonly begun: ReadonlyMap<string, number>;
} {
  const begun = new Map<string, number>();
  const tasks = sampleTasks.map((definition) => ({
    ...definition,
    run: (...args: Parameters<RegisteredTask['run']>) => {
      const [{ taskId }] = args;
      begun.set(taskId, (begun.get(taskId) ?? 0) + 1);
      return definition.run(...args);
    },
  }));
  return { tasks, begun };
}

/** Takes batches in: an enqueuer of this process, or an API. */
export interface Sender {
  batch(requests: readonly TaskRequest[]): Promise<readonly { readonly id: string }[]>;
}

export interface LoadOptions {
  readonly db: Database;
  readonly enqueuer: Sender;
  /** Tells the rows of this run from others'. */
  readonly run: string;
  readonly seed: number;
  readonly tasks: number;
  /** The load is spread over this time, so that it goes on before, in and after the fault. */
  readonly overMs: number;
  /** From `countedSampleTasks`, of the runtime that works the load off; left out where other processes do. */
  readonly begun?: ReadonlyMap<string, number>;
}

export interface Verdict {
  readonly attempted: number;
  readonly acknowledged: number;
  /** The enqueue was answered with an error: it may have been accepted or not. */
  readonly unknown: number;
  /** Acknowledged, and not completed or without its effect. */
  readonly lost: number;
  /** In the ledger or among the effects under an id that nobody attempted, or an effect of a task that did not complete. */
  readonly unexpected: number;
  /** Tasks with more than one row of effect for a step. */
  readonly doubled: number;
  /** Rows of the ledger that are not terminal. */
  readonly active: number;
  /** Effects without their key, or keys without their effect: what one transaction would have torn apart. */
  readonly torn: number;
  /** Tasks that were claimed more than once or handed back: a fault struck their run. */
  readonly takenAgain: number;
  /** Runs beyond the first of a task; unknown where the tasks ran in other processes. */
  readonly duplicateRuns: number | undefined;
}

export interface Load {
  /** Resolves when this share of the tasks has been attempted. */
  reached(share: number): Promise<void>;
  /** Waits for the end of the load and of all its tasks, then counts. @throws when tasks are left after `withinMs`. */
  verdict(withinMs: number): Promise<Verdict>;
  /** When tasks ended, in order, milliseconds since the epoch. */
  ends(): Promise<readonly { readonly acceptedAt: number; readonly finishedAt: number }[]>;
}

interface LedgerRow {
  readonly id: string;
  readonly status: string;
  readonly epoch: number;
  readonly accepted_at: Date;
  readonly finished_at: Date | null;
}

export function startLoad({ db, enqueuer, run, seed, tasks, overMs, begun }: LoadOptions): Load {
  const random = randomOf(seed);
  const acknowledged = new Set<string>();
  const attempted = new Set<string>();
  const ended = (async () => {
    const startedAt = Date.now();
    while (attempted.size < tasks) {
      const size = Math.min(1 + Math.floor(random() * maxBatch), tasks - attempted.size);
      const batch = Array.from({ length: size }, (_, at) => ({ taskId: uuidOf(random), n: attempted.size + at }));
      for (const { taskId } of batch) attempted.add(taskId);
      try {
        const accepted = await enqueuer.batch(
          batch.map(({ taskId, n }) => ({ task, payload: { run, n }, tenantId, options: { taskId } })),
        );
        for (const { id } of accepted) acknowledged.add(id);
      } catch {
        // attempted, unknown
      }
      await wait(Math.max(0, startedAt + (attempted.size / tasks) * overMs - Date.now()));
    }
  })();

  const rows = () =>
    db.query<LedgerRow>(
      `select id, status, epoch, accepted_at, finished_at from tasks where name = $1 and payload ->> 'run' = $2`,
      [task, run],
    );
  const live = async () => {
    const [counted] = await db.query<{ n: number }>(
      `select count(*)::int as n from tasks_live where name = $1 and payload ->> 'run' = $2`,
      [task, run],
    );
    return counted?.n ?? 0;
  };

  const torn = async () => {
    const [counted] = await db.query<{ n: number }>(
      `select count(*)::int as n from (select task_id from sample_effects where run = $1) as effect
         full join (select task_id from effects join tasks on id = task_id where name = $2 and payload ->> 'run' = $1) as kept
                on effect.task_id = kept.task_id
        where effect.task_id is null or kept.task_id is null`,
      [run, task],
    );
    return counted?.n ?? 0;
  };

  return {
    reached: (share) =>
      until(`${share * 100} % of the load is attempted`, overMs * 4, async () => attempted.size >= share * tasks),
    async ends() {
      const finished = (await rows()).flatMap(({ accepted_at, finished_at }) =>
        finished_at ? [{ acceptedAt: accepted_at.getTime(), finishedAt: finished_at.getTime() }] : [],
      );
      return finished.toSorted((a, b) => a.finishedAt - b.finishedAt);
    },
    async verdict(withinMs) {
      await ended;
      await until(`all tasks of ${run} have ended (seed ${seed})`, withinMs, async () => (await live()) === 0);
      const found = await rows();
      const ledger = new Map(found.map(({ id, status }) => [id, status]));
      const effects = await db.query<{ task_id: string; rows: number }>(
        'select task_id, count(*)::int as rows from sample_effects where run = $1 group by task_id, n',
        [run],
      );
      const effected = new Set(effects.map(({ task_id }) => task_id));
      const fulfilled = (id: string) => ledger.get(id) === 'COMPLETED' && effected.has(id);
      return {
        attempted: attempted.size,
        acknowledged: acknowledged.size,
        unknown: attempted.size - acknowledged.size,
        lost: [...acknowledged].filter((id) => !fulfilled(id)).length,
        unexpected: [...new Set([...ledger.keys(), ...effected])].filter((id) => !attempted.has(id) || !fulfilled(id))
          .length,
        doubled: effects.filter((effect) => effect.rows > 1).length,
        active: await live(),
        torn: await torn(),
        takenAgain: found.filter(({ epoch }) => epoch > 1).length,
        duplicateRuns: begun && [...attempted].reduce((sum, id) => sum + Math.max(0, (begun.get(id) ?? 0) - 1), 0),
      };
    },
  };
}

/** How a load stood a fault. */
export interface Recovery {
  /** Seconds from the moment to the end of the first pause in completions of over a second: the backlog moves again. */
  readonly r: number;
  /** Seconds from the moment until the last task that was accepted before it had ended. */
  readonly repair: number;
}

const pauseMs = 1000;

/**
 * @param moment of the fault, or of its end: milliseconds since the epoch
 */
export function recoveryFrom(moment: number, ends: Awaited<ReturnType<Load['ends']>>): Recovery {
  const later = ends.map(({ finishedAt }) => finishedAt).filter((at) => at > moment);
  const resumedAt = later.find((at, place) => at - (later[place - 1] ?? moment) > pauseMs) ?? moment;
  const earlier = ends.filter(({ acceptedAt }) => acceptedAt <= moment).map(({ finishedAt }) => finishedAt);
  return {
    r: (resumedAt - moment) / 1000,
    repair: Math.max(0, (earlier.reduce((last, at) => Math.max(last, at), moment) - moment) / 1000),
  };
}
