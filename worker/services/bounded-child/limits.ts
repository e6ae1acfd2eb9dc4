/** What a job in a bounded child may take, and the eye kept on it. */
import { BoundError } from './errors.ts';
import type { Feeding } from './feed.ts';

/** What one job may take. */
export interface JobLimits {
  /** Time the child may work, in ms. Time in which its reader or its source keeps it waiting does not count. */
  readonly wallMs: number;
  /** Added to `wallMs` for each MiB of input sent. */
  readonly wallMsPerMib?: number;
  /** Resident memory of the child, in bytes. */
  readonly rssBytes: number;
  /** Bytes of output, all values together. */
  readonly outputBytes: number;
  /** How long the source may give nothing while the child waits for it, in ms. */
  readonly stallMs: number;
}

/** Where a job stands, as far as its time goes. */
export interface Clock {
  /** True while the reader holds a value: the child waits for it. */
  taken: boolean;
  /** True while the child waits for an answer that does not count as its work. */
  asked: boolean;
  /** True when Node and the module have started. */
  ready: boolean;
}

/** How long Node and the module may take to start, on a machine that is busy. */
const startMs = 30_000;
/** How often time and memory are looked at. */
const pollMs = 100;
const mebibyte = 1024 * 1024;

/** Looks at time and memory every `pollMs`; calls `fail` with what was passed. The caller clears the timer. */
export function watch(
  limits: JobLimits,
  feeding: Feeding,
  clock: Readonly<Clock>,
  rssBytes: () => Promise<number>,
  fail: (error: BoundError) => void,
): NodeJS.Timeout {
  const stepMs = Math.max(5, Math.min(pollMs, limits.wallMs / 4));
  let last = performance.now();
  let startedMs = 0;
  let workedMs = 0;
  let stalledMs = 0;
  return setInterval(() => {
    const now = performance.now();
    // A step that took far longer than asked is this process being held up, not the child at work.
    const passed = Math.min(now - last, stepMs * 10);
    last = now;
    if (clock.taken || clock.asked) stalledMs = 0;
    else if (!clock.ready) startedMs += passed;
    else if (feeding.starved) stalledMs += passed;
    else {
      workedMs += passed;
      stalledMs = 0;
    }
    const wallMs = limits.wallMs + ((limits.wallMsPerMib ?? 0) * feeding.sentBytes) / mebibyte;
    if (workedMs > wallMs) fail(timeError(wallMs));
    else if (startedMs > startMs) fail(startError());
    else if (stalledMs > limits.stallMs) fail(stallError(limits.stallMs));
    void rssBytes().then((bytes) => {
      if (bytes > limits.rssBytes) fail(memoryError(limits.rssBytes, bytes));
    });
  }, stepMs);
}

function timeError(ms: number): BoundError {
  return new BoundError('time', ms, `The child was to finish within ${Math.round(ms)} ms of work; it was killed.`);
}
function startError(): BoundError {
  return new BoundError('start', startMs, `The child was to start within ${startMs} ms; it was killed.`);
}
function stallError(ms: number): BoundError {
  return new BoundError('source', ms, `The child waited ${ms} ms for its input, and none came.`);
}
export function outputError(bytes: number): BoundError {
  return new BoundError('output', bytes, `The child was to send at most ${bytes} bytes; it sent more and was killed.`);
}
/** Of a child that took `seen` bytes, or whose heap was full. */
export function memoryError(bytes: number, seen: number | undefined): BoundError {
  const came = seen === undefined ? 'its heap was full' : `it took ${seen}`;
  return new BoundError('memory', bytes, `The child was to stay within ${bytes} bytes of memory; ${came}.`);
}
