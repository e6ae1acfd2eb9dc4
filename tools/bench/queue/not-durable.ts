/** Millrace with `durable: false`: no ledger tells of these tasks, so the worker's own metrics do. */
import type { Enqueued } from '../../../loadtest/peers/protocol.ts';
import { type MillraceProcess, startMillrace } from '../../../test/harness/millrace-process.ts';
import type { LineChild } from './line-child.ts';
import type { MillraceEnqueueRequest, MillracePaceRequest } from './millrace-requests.ts';
import { subjects } from './names.ts';
import type { Plan, Sent, Subject, SubjectWorker } from './subject.ts';

const timeoutMs = 60_000;
const executions = /^celery_task_executions_total\{[^}]*status="completed"[^}]*\} (\d+)/gm;

const plan: Plan = {
  serial: 3000,
  callers: 15_000,
  batches: [
    { size: 100, count: 15_000 },
    { size: 1000, count: 20_000 },
  ],
  warmUp: 5000,
  mixed: 20_000,
};

export interface NotDurableDeps {
  /** `millrace-producer.ts`, which the caller ends. */
  readonly producer: LineChild;
  readonly env: Readonly<Record<string, string>>;
  readonly reset: () => Promise<void>;
}

export function notDurable({ producer, env, reset }: NotDurableDeps): Subject {
  return {
    name: subjects.notDurable,
    plan,
    enqueue: (request) =>
      producer.ask<Enqueued>(
        { work: 'enqueue', durable: false, ...request } satisfies MillraceEnqueueRequest,
        timeoutMs,
      ),
    settled: async () => undefined,
    pace: (request) =>
      producer.ask<Sent>(
        { work: 'pace', durable: false, run: 'none', probesPerSecond: 0, ...request } satisfies MillracePaceRequest,
        timeoutMs,
      ),
    startWorker: async () => countedWorker(await startMillrace({ ...env, MODE: 'worker' })),
    reset,
    [Symbol.asyncDispose]: async () => undefined,
  };
}

function countedWorker(child: MillraceProcess): SubjectWorker {
  // kept now: later lines push the one that names the port out of the log
  const port = /"port":(\d+)[^\n]*"msg":"ready"/.exec(child.log())?.[1];
  let forgotten = 0;
  let seen: { readonly atMs: number; readonly count: number }[] = [];
  const count = async () => {
    const answer = await fetch(`http://127.0.0.1:${port}/metrics`, { signal: AbortSignal.timeout(timeoutMs) });
    const text = await answer.text();
    const all = [...text.matchAll(executions)].reduce((sum, [, value]) => sum + Number(value), 0);
    seen.push({ atMs: Date.now(), count: all - forgotten });
    return all - forgotten;
  };
  return {
    pid: child.pid,
    done: async (tasks) => (await count()) >= tasks,
    async account() {
      const delivered = await count();
      // which tasks they were nobody keeps: a lost and a doubled one would cancel each other out
      return { delivered, distinct: delivered, endedMs: interpolated(seen) };
    },
    // its tasks leave no trace of when their handlers were entered
    pickups: async () => [],
    async forget() {
      forgotten += await count();
      seen = [];
    },
    [Symbol.asyncDispose]: () => child[Symbol.asyncDispose](),
  };
}

/** Times of ends that were counted now and then: spread evenly between two counts. */
export function interpolated(counts: readonly { readonly atMs: number; readonly count: number }[]): number[] {
  const times: number[] = [];
  let before = { atMs: counts[0]?.atMs ?? 0, count: 0 };
  for (const now of counts) {
    const more = now.count - before.count;
    for (let index = 1; index <= more; index += 1) {
      times.push(before.atMs + ((now.atMs - before.atMs) * index) / more);
    }
    before = now;
  }
  return times;
}
