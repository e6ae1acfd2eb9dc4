/**
 * Runs a module in a child process that is killed when it takes too long, too much memory, or says too much.
 *
 * A child works on one job at a time and can take several, one after another; `pool.ts` makes use of that.
 */
import type { ChildProcess } from 'node:child_process';
import type { Readable } from 'node:stream';
import v8 from 'node:v8';
import { ChildError, CrashError } from './errors.ts';
import { type Feeding, feed } from './feed.ts';
import { FrameReader, frameKind, writeFrame } from './frames.ts';
import { type Clock, type JobLimits, memoryError, outputError, watch } from './limits.ts';
import { type ChildOptions, guardAgainstOrphan, residentBytes, type StartedChild, startChild } from './process.ts';

export interface Job {
  /** Streamed into the child as fast as it reads; destroyed when the job is over. A function is called when the job starts. */
  readonly input: Readable | (() => Promise<Readable> | Readable);
  /** Structured-cloneable; small. */
  readonly argument: unknown;
  readonly limits: JobLimits;
  /** Kills the child. */
  readonly signal?: AbortSignal;
  /** Answers what the module asks; without it a question ends the job. What it throws ends the job as well. */
  readonly questions?: Questions;
}

export interface Questions {
  readonly answer: (question: unknown) => Promise<unknown>;
  /** True when time in which the child waits for an answer counts as its work. */
  readonly timed: boolean;
}

/** How long a child may take to drain the input that a finished job did not read. */
const drainMs = 5_000;
const keptErrorChars = 2_000;

export class BoundedChild {
  readonly #started: StartedChild;
  readonly #guard: ChildProcess | undefined;
  readonly #reader: FrameReader;
  readonly #exited: Promise<string>;
  #lastWords = '';
  #ready = false;
  #alive = true;
  #busy = false;
  #peakRssBytes = 0;
  #reportedRssBytes: number | undefined;

  constructor(options: ChildOptions) {
    this.#started = startChild(options);
    this.#guard = guardAgainstOrphan(this.#started.pid);
    this.#reader = new FrameReader(this.#started.output);
    const { process: child, input, errors } = this.#started;
    input.on('error', () => undefined);
    errors.setEncoding('utf8');
    errors.on('data', (text: string) => {
      this.#lastWords = (this.#lastWords + text).slice(-keptErrorChars);
    });
    const wordsEnded = new Promise<void>((resolve) => {
      errors.once('close', resolve);
    });
    this.#exited = new Promise((resolve) => {
      const settle = (how: string) => {
        this.#alive = false;
        this.#guard?.kill('SIGKILL');
        void wordsEnded.then(() => resolve(how));
      };
      child.once('error', (error) => settle(`before it started (${error.message})`));
      // Not 'close': that waits for output which nobody may want to read any more.
      child.once('exit', (code, signal) => settle(signal === null ? `with exit code ${code}` : `by ${signal}`));
    });
  }

  get pid(): number {
    return this.#started.pid;
  }

  /** Largest resident memory seen, in bytes. */
  get peakRssBytes(): number {
    return this.#peakRssBytes;
  }

  /** True while the child lives and has no job. */
  get idle(): boolean {
    return this.#alive && !this.#busy;
  }

  /** Resident memory now, in bytes; 0 when unknown. */
  async rssBytes(): Promise<number> {
    const seen = (await residentBytes(this.pid)) ?? this.#reportedRssBytes ?? 0;
    this.#peakRssBytes = Math.max(this.#peakRssBytes, seen);
    return seen;
  }

  /** Kills the child and resolves when it is gone. */
  async kill(): Promise<void> {
    if (this.#alive) {
      // An idle child is not waited for; one that is being ended is.
      this.#started.process.ref();
      this.#started.process.kill('SIGKILL');
    }
    await this.#exited;
    this.#started.input.destroy();
    this.#started.output.destroy();
  }

  /** Lets this process end although the child stands idle; `ref` takes that back. */
  unref(): void {
    this.#eachHandle((handle) => handle.unref());
  }

  ref(): void {
    this.#eachHandle((handle) => handle.ref());
  }

  #eachHandle(act: (handle: { ref(): unknown; unref(): unknown }) => void): void {
    act(this.#started.process);
    const { input, output, errors } = this.#started;
    for (const stream of [input, output, errors]) if (isHandle(stream)) act(stream);
    if (this.#guard?.stdin && isHandle(this.#guard.stdin)) this.#guard.stdin.unref();
  }

  /**
   * Does one job and yields the values that the module yields, as fast as they are taken.
   *
   * @throws BoundError when a limit was passed; ChildError when the module threw (the child stays usable);
   * CrashError when the child ended; the signal's reason when aborted; the input's own error when it fails.
   */
  async *run(job: Job): AsyncGenerator<unknown, void, undefined> {
    if (!this.idle) throw new Error('a bounded child does one job at a time, and none after its end');
    job.signal?.throwIfAborted();
    this.#busy = true;
    let fault: unknown;
    let killed = false;
    const fail = (error: unknown) => {
      if (killed) return;
      killed = true;
      fault = error;
      this.#started.process.kill('SIGKILL');
    };
    const onAbort = () => fail(job.signal?.reason);
    job.signal?.addEventListener('abort', onAbort, { once: true });
    const clock: Clock = { taken: false, asked: false, ready: this.#ready };
    let feeding: Feeding | undefined;
    let timer: NodeJS.Timeout | undefined;
    let over = false;
    try {
      void writeFrame(this.#started.input, frameKind.job, v8.serialize(job.argument));
      feeding = feed(job.input, this.#started.input, fail);
      timer = watch(job.limits, feeding, clock, () => this.rssBytes(), fail);
      let outputBytes = 0;
      while (!over) {
        const frame = await this.#nextFrame(fail);
        if (killed) break;
        if (frame === undefined) {
          fault = await this.#crash(job.limits);
          killed = true;
          break;
        }
        switch (frame.kind) {
          case frameKind.ready:
            this.#ready = true;
            clock.ready = true;
            break;
          case frameKind.memory:
            this.#reportedRssBytes = frame.payload.readDoubleLE(0);
            break;
          case frameKind.value:
            outputBytes += frame.payload.byteLength;
            if (outputBytes > job.limits.outputBytes) {
              fail(outputError(job.limits.outputBytes));
              break;
            }
            clock.taken = true;
            yield v8.deserialize(frame.payload);
            clock.taken = false;
            break;
          case frameKind.question:
            // Not awaited: meanwhile the child may end, or be ended.
            void this.#answer(frame.payload, job.questions, clock, fail);
            break;
          case frameKind.done:
            over = true;
            break;
          case frameKind.failed:
            over = true;
            fault = new ChildError(v8.deserialize(frame.payload));
            break;
          default:
            fail(new CrashError(`with a frame of unknown kind ${frame.kind}`, this.#lastWords));
        }
      }
      if (killed || fault !== undefined) throw fault;
    } finally {
      clearInterval(timer);
      job.signal?.removeEventListener('abort', onAbort);
      const drained = over && !killed && feeding !== undefined && (await feeding.finish(drainMs));
      if (!drained) {
        feeding?.abandon();
        await this.kill();
      }
      this.#busy = false;
    }
  }

  async #answer(
    question: Buffer,
    questions: Questions | undefined,
    clock: Clock,
    fail: (error: unknown) => void,
  ): Promise<void> {
    try {
      if (questions === undefined) throw new Error('a bounded child asked something, and nobody was to answer');
      clock.asked = !questions.timed;
      const answer = await questions.answer(v8.deserialize(question));
      clock.asked = false;
      await writeFrame(this.#started.input, frameKind.answer, v8.serialize(answer));
    } catch (error) {
      fail(error);
    }
  }

  async #nextFrame(fail: (error: unknown) => void) {
    try {
      return await this.#reader.next();
    } catch (error) {
      fail(error);
      return undefined;
    }
  }

  /** Why the child ended by itself: V8 aborts when its heap is full. */
  async #crash(limits: JobLimits): Promise<Error> {
    const how = await this.#exited;
    if (/heap out of memory|Reached heap limit|Allocation failed/.test(this.#lastWords)) {
      return memoryError(limits.rssBytes, undefined);
    }
    return new CrashError(how, this.#lastWords.trim());
  }
}

function isHandle(stream: object): stream is { ref(): unknown; unref(): unknown } {
  return 'ref' in stream && 'unref' in stream;
}
