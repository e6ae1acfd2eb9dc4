import { once } from 'node:events';
import type { Readable, Writable } from 'node:stream';
import { frameKind, writeFrame } from './frames.ts';

/** A stream on its way into a child. */
export interface Feeding {
  /** True while the child has been given all there is and the source gives nothing. */
  readonly starved: boolean;
  readonly sentBytes: number;
  /** Stops reading the source and closes the job's input; false when the child did not take it within `ms`. */
  finish(ms: number): Promise<boolean>;
  /** Drops the source. */
  abandon(): void;
}

/** Largest payload of a data frame: small enough that source, pipe and child hold little. */
const chunkBytes = 256 * 1024;
const nothing = Buffer.alloc(0);

/** Streams `input` into a child's input as frames; `fail` hears the source's error. */
export function feed(
  input: Readable | (() => Promise<Readable> | Readable),
  target: Writable,
  fail: (error: unknown) => void,
): Feeding {
  let source: Readable | undefined;
  let sentBytes = 0;
  let waiting = false;
  let stopped = false;

  async function pump(): Promise<void> {
    try {
      waiting = true;
      const opened = typeof input === 'function' ? await input() : input;
      source = opened;
      if (stopped) return;
      for await (const piece of opened) {
        waiting = false;
        if (stopped) break;
        const bytes: Uint8Array = typeof piece === 'string' ? Buffer.from(piece) : piece;
        for (let at = 0; at < bytes.byteLength; at += chunkBytes) {
          const part = bytes.subarray(at, at + chunkBytes);
          await writeFrame(target, frameKind.data, part);
          sentBytes += part.byteLength;
          if (stopped || target.destroyed) break;
        }
        if (stopped || target.destroyed) break;
        waiting = true;
      }
    } catch (error) {
      if (!stopped) fail(error);
    } finally {
      waiting = false;
      // An error that comes after this has nobody to hear it.
      source?.on('error', () => undefined).destroy();
      await writeFrame(target, frameKind.end, nothing);
    }
  }

  const pumped = pump();
  return {
    get starved() {
      return waiting && target.writableLength === 0;
    },
    get sentBytes() {
      return sentBytes;
    },
    async finish(ms) {
      stopped = true;
      source?.destroy();
      const late = AbortSignal.timeout(ms);
      const tooLate = once(late, 'abort').then(() => false);
      return await Promise.race([pumped.then(() => !target.destroyed), tooLate]);
    },
    abandon() {
      stopped = true;
      source?.destroy();
    },
  };
}
