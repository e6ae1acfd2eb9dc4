/** What the benchmark asks of producers and workers, as lines of JSON, and what all of them written in TypeScript share. */
import { createInterface } from 'node:readline';
import { setTimeout as wait } from 'node:timers/promises';

/** So many tasks, from so many callers that each await the answer; `batch` tasks a call. */
export interface EnqueueRequest {
  readonly work: 'enqueue';
  readonly count: number;
  readonly callers: number;
  readonly batch: number;
}

/** One task a call, at an even pace, whether or not earlier calls were answered. */
export interface PaceRequest {
  readonly work: 'pace';
  readonly perSecond: number;
  readonly seconds: number;
}

export interface Enqueued {
  readonly accepted: number;
  /** From the first call to the last answer. */
  readonly seconds: number;
  /** Wall clock of the first call, in milliseconds. */
  readonly startedMs: number;
}

/** Of a worker: what it has run since it was started or last asked to forget. */
export type WorkerRequest = { readonly work: 'count' } | { readonly work: 'deliveries' } | { readonly work: 'forget' };

/** Parallel lists, one entry a delivery. Wall clock, milliseconds with fractions. */
export interface Deliveries {
  readonly numbers: readonly number[];
  readonly sentMs: readonly number[];
  readonly enteredMs: readonly number[];
  /** By BullMQ's own stamps, whole milliseconds: from the making of the job to its fetch. Of BullMQ only. */
  readonly stampedMs?: readonly number[];
}

/** What cannot be sent at its pace waits here; beyond this the pace was too high for the producer, and it lags. */
const maxInFlight = 4000;
const tickMs = 1;

/** Wall clock with fractions of a millisecond. Date.now() has none, and `performance.timeOrigin` drifts from it over hours. */
export function wallClock(): () => number {
  const before = Date.now();
  let tick = Date.now();
  while (tick === before) tick = Date.now();
  const offset = tick - performance.now();
  return () => performance.now() + offset;
}

/** Runs `count / batch` calls from `callers` loops side by side. */
export async function enqueue(
  { count, callers, batch }: EnqueueRequest,
  call: (size: number) => Promise<unknown>,
): Promise<Enqueued> {
  const now = wallClock();
  let left = count;
  const startedMs = now();
  const caller = async () => {
    while (left > 0) {
      const size = Math.min(batch, left);
      left -= size;
      await call(size);
    }
  };
  await Promise.all(Array.from({ length: callers }, caller));
  return { accepted: count, seconds: (now() - startedMs) / 1000, startedMs };
}

/** Calls so often a second; resolves when all calls are answered. */
export async function pace({ perSecond, seconds }: PaceRequest, call: () => Promise<unknown>): Promise<Enqueued> {
  const now = wallClock();
  const startedMs = now();
  const open = new Set<Promise<unknown>>();
  let sent = 0;
  for (let elapsed = 0; elapsed < seconds; elapsed = (now() - startedMs) / 1000) {
    const due = Math.floor(Math.min(elapsed, seconds) * perSecond);
    while (sent < due && open.size < maxInFlight) {
      sent += 1;
      const answered: Promise<unknown> = call().finally(() => open.delete(answered));
      open.add(answered);
    }
    await wait(tickMs);
  }
  await Promise.all(open);
  return { accepted: sent, seconds: (now() - startedMs) / 1000, startedMs };
}

/** Says that it is ready, answers requests until the input ends, then closes. An error is answered, not thrown. */
export async function serve<R>(answer: (request: R) => Promise<unknown>, close: () => Promise<void>): Promise<void> {
  const say = (value: unknown) => process.stdout.write(`${JSON.stringify(value)}\n`);
  say({ ready: true });
  for await (const line of createInterface({ input: process.stdin })) {
    try {
      // the benchmark is the one that writes here
      say(await answer(JSON.parse(line) as R));
    } catch (error) {
      say({ error: error instanceof Error ? (error.stack ?? error.message) : String(error) });
    }
  }
  await close();
}

/** A setting that the benchmark passes in the environment. */
export function given(name: string): string {
  const value = process.env[name];
  if (value === undefined) throw new Error(`expected the environment variable ${name}; the benchmark sets it`);
  return value;
}
