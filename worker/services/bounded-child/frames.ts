/**
 * What travels between a parent and its bounded child: frames of a four-byte little-endian payload length, one byte of
 * kind, then the payload. Plain pipes carry them, so a reader that is slow stops the writer.
 */
import type { Readable, Writable } from 'node:stream';
import { MillraceError } from '../../errors.ts';

/**
 * Kinds of frame. Parent to child: `job`, `data`, `end`, `answer`. Child to parent: `ready`, `value`, `memory`, `done`,
 * `failed`, `question`.
 */
export const frameKind = {
  job: 1,
  data: 2,
  end: 3,
  answer: 4,
  ready: 10,
  value: 11,
  memory: 12,
  done: 13,
  failed: 14,
  question: 15,
} as const;

export interface Frame {
  readonly kind: number;
  readonly payload: Buffer;
}

/** Longest payload a reader takes: beyond it the other side is broken or hostile. */
const maxFrameBytes = 32 * 1024 * 1024;
const headerBytes = 5;

/** Writes one frame. Resolves when the stream wants more, or when it is closed; never rejects. */
export async function writeFrame(stream: Writable, kind: number, payload: Uint8Array): Promise<void> {
  if (payload.byteLength > maxFrameBytes) {
    throw new MillraceError({
      code: 'frame_too_large',
      message: `A frame of ${payload.byteLength} bytes was to be sent; at most ${maxFrameBytes} are allowed.`,
      hint: 'Send it as several values.',
    });
  }
  if (stream.destroyed || stream.writableEnded) return;
  const header = Buffer.allocUnsafe(headerBytes);
  header.writeUInt32LE(payload.byteLength, 0);
  header.writeUInt8(kind, 4);
  stream.cork();
  stream.write(header);
  const free = stream.write(payload);
  stream.uncork();
  if (!free && stream.writableNeedDrain) await drained(stream);
}

function drained(stream: Writable): Promise<void> {
  return new Promise((resolve) => {
    const settle = () => {
      stream.off('drain', settle);
      stream.off('close', settle);
      stream.off('error', settle);
      resolve();
    };
    stream.on('drain', settle);
    stream.on('close', settle);
    stream.on('error', settle);
  });
}

/** Reads frames from a stream one at a time, taking from it only what the next frame needs. */
export class FrameReader {
  readonly #stream: Readable;
  readonly #pending: Buffer[] = [];
  #pendingBytes = 0;
  #ended = false;
  #wake: (() => void) | undefined;

  constructor(stream: Readable) {
    this.#stream = stream;
    const wake = () => this.#wake?.();
    const end = () => {
      this.#ended = true;
      wake();
    };
    stream.on('readable', wake);
    stream.on('end', end);
    stream.on('close', end);
    stream.on('error', end);
  }

  /** The next frame, or undefined when the stream has ended (a frame cut short counts as an end). */
  async next(): Promise<Frame | undefined> {
    const header = await this.#take(headerBytes);
    if (header === undefined) return undefined;
    const length = header.readUInt32LE(0);
    if (length > maxFrameBytes) {
      throw new MillraceError({
        code: 'frame_too_large',
        message: `A frame claims ${length} bytes; at most ${maxFrameBytes} are taken.`,
      });
    }
    const payload = length === 0 ? Buffer.alloc(0) : await this.#take(length);
    return payload === undefined ? undefined : { kind: header.readUInt8(4), payload };
  }

  async #take(bytes: number): Promise<Buffer | undefined> {
    while (this.#pendingBytes < bytes) {
      const chunk: Buffer | null = this.#stream.read();
      if (chunk !== null) {
        this.#pending.push(chunk);
        this.#pendingBytes += chunk.byteLength;
        continue;
      }
      if (this.#ended) return undefined;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      this.#wake = undefined;
    }
    return this.#cut(bytes);
  }

  #cut(bytes: number): Buffer {
    const first = this.#pending[0];
    this.#pendingBytes -= bytes;
    if (first !== undefined && first.byteLength > bytes) {
      this.#pending[0] = first.subarray(bytes);
      return first.subarray(0, bytes);
    }
    if (first !== undefined && first.byteLength === bytes) {
      this.#pending.shift();
      return first;
    }
    const whole = Buffer.concat(this.#pending);
    this.#pending.length = 0;
    if (whole.byteLength > bytes) this.#pending.push(whole.subarray(bytes));
    return whole.subarray(0, bytes);
  }
}
