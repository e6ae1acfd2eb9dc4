/**
 * The child's side. Started by `bounded-child.ts` as `node runner.ts <module URL>`; takes jobs from stdin, sends values
 * through descriptor 3, and ends when either is closed: an orphan has nobody to work for.
 */
import { Socket } from 'node:net';
import v8 from 'node:v8';
import type { SentError } from './errors.ts';
import { FrameReader, frameKind, writeFrame } from './frames.ts';

/** What a job leaves for the next one in the same child: compiled modules, tables; never anything of a document. */
export interface ChildContext {
  readonly cache: Map<string, unknown>;
  /**
   * Asks the parent something and resolves with its answer; one question at a time, and none before the job's input was
   * read to its end. Both are structured-cloneable.
   */
  readonly ask: (question: unknown) => Promise<unknown>;
}

/** What a module run in a bounded child exports as `run`. Values are structured-cloneable. */
export type BoundedTask = (
  input: AsyncIterable<Uint8Array>,
  argument: unknown,
  context: ChildContext,
) => AsyncIterable<unknown>;

const outputDescriptor = 3;
const memoryReportMs = 250;
const nothing = Buffer.alloc(0);

function sendable(thrown: unknown): SentError {
  if (!(thrown instanceof Error)) return { name: 'Error', message: String(thrown) };
  const { code, hint } = thrown as { code?: unknown; hint?: unknown };
  return {
    name: thrown.name,
    message: thrown.message,
    ...(typeof code === 'string' ? { code } : {}),
    ...(typeof hint === 'string' ? { hint } : {}),
    ...(thrown.stack === undefined ? {} : { stack: thrown.stack.slice(0, 4000) }),
  };
}

async function serve(task: BoundedTask, reader: FrameReader, output: Socket): Promise<void> {
  const cache: ChildContext['cache'] = new Map();
  for (;;) {
    const job = await reader.next();
    if (job === undefined) return;
    if (job.kind !== frameKind.job) throw new Error(`a job was expected, a frame of kind ${job.kind} came`);
    let inputOpen = true;
    async function* input(): AsyncGenerator<Uint8Array> {
      while (inputOpen) {
        const frame = await reader.next();
        if (frame === undefined) process.exit(0);
        if (frame.kind === frameKind.end) inputOpen = false;
        else yield frame.payload;
      }
    }
    let asking = false;
    async function ask(question: unknown): Promise<unknown> {
      if (inputOpen || asking) throw new Error('a question was asked before the input was read, or beside another');
      asking = true;
      await writeFrame(output, frameKind.question, v8.serialize(question));
      const frame = await reader.next();
      if (frame === undefined) process.exit(0);
      if (frame.kind !== frameKind.answer)
        throw new Error(`an answer was expected, a frame of kind ${frame.kind} came`);
      asking = false;
      return v8.deserialize(frame.payload);
    }
    try {
      for await (const value of task(input(), v8.deserialize(job.payload), { cache, ask })) {
        await writeFrame(output, frameKind.value, v8.serialize(value));
      }
      await writeFrame(output, frameKind.done, nothing);
    } catch (thrown) {
      await writeFrame(output, frameKind.failed, v8.serialize(sendable(thrown)));
    }
    // Nobody is left to take the answer, and the next job must not: a task that fell over a question ends its child.
    if (asking) return;
    // What was not read of this job's input must not be taken for the next job.
    for await (const _unread of input());
  }
}

/** Where the parent cannot look up a child's memory itself, the child tells it between two steps of its work. */
function reportMemory(output: Socket): void {
  const timer = setInterval(() => {
    const bytes = Buffer.allocUnsafe(8);
    bytes.writeDoubleLE(process.memoryUsage.rss(), 0);
    void writeFrame(output, frameKind.memory, bytes);
  }, memoryReportMs);
  timer.unref();
}

const moduleUrl = process.argv[2];
if (moduleUrl === undefined) throw new Error('usage: node runner.ts <module URL>');
const output = new Socket({ fd: outputDescriptor, readable: false, writable: true });
output.on('error', () => process.exit(0));
const reader = new FrameReader(process.stdin);
const loaded: { run: BoundedTask } = await import(moduleUrl);
if (typeof loaded.run !== 'function') throw new Error(`${moduleUrl} was to export a function "run"`);
await writeFrame(output, frameKind.ready, nothing);
if (process.platform !== 'linux') reportMemory(output);
await serve(loaded.run, reader, output);
process.exit(0);
