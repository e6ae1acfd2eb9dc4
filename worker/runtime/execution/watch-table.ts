/**
 * What runs on the loop, in memory that the watchdog's thread shares: a run costs two short writes and no message, and the
 * thread can read it while the loop stands still.
 */
import type { Fence } from '../ledger/rows.ts';

export interface WatchedRun {
  readonly fence: Fence;
  readonly task: string;
  /** From 0. */
  readonly attempt: number;
  readonly limitSeconds: number;
  /** Milliseconds until another attempt when it is over its limit; left out: it ends as TIMED_OUT. */
  readonly retryDelayMs?: number | undefined;
  /** When its limit is over, ms of the system's clock. */
  readonly deadline: number;
}

/** As many as a process may have slots; a run that finds no place is not watched. */
const capacity = 1024;
const uuidBytes = 36;
/** Names of tasks are shorter. */
const nameBytes = 120;
/** deadline, epoch, limit, attempt, delay of the next (-1: none): one float64 each. */
const numbers = 5;
const textBytes = 2 * uuidBytes + 1 + nameBytes;
const recordBytes = Math.ceil((numbers * 8 + textBytes) / 8) * 8;
const beatsBytes = 8;

export class WatchTable {
  /** What the other thread gets. */
  readonly memory: SharedArrayBuffer;
  readonly #beats: Int32Array;
  readonly #numbers: Float64Array;
  readonly #text: Buffer;
  readonly #free: number[];

  constructor(memory = new SharedArrayBuffer(beatsBytes + capacity * recordBytes)) {
    this.memory = memory;
    this.#beats = new Int32Array(memory, 0, 1);
    this.#numbers = new Float64Array(memory, beatsBytes);
    this.#text = Buffer.from(memory, beatsBytes);
    this.#free = Array.from({ length: capacity }, (_, index) => capacity - 1 - index);
  }

  /** Says that the loop turns. */
  beat(): void {
    Atomics.add(this.#beats, 0, 1);
  }

  get beats(): number {
    return Atomics.load(this.#beats, 0);
  }

  /** Puts a run down until disposed. */
  add({ fence, task, attempt, limitSeconds, retryDelayMs, deadline }: WatchedRun): Disposable {
    const record = this.#free.pop();
    if (record === undefined) return { [Symbol.dispose]: () => undefined };
    const number = (record * recordBytes) / 8;
    const text = record * recordBytes + numbers * 8;
    this.#text.write(fence.id, text, uuidBytes, 'latin1');
    this.#text.write(fence.owner, text + uuidBytes, uuidBytes, 'latin1');
    this.#text[text + 2 * uuidBytes] = this.#text.write(task, text + 2 * uuidBytes + 1, nameBytes, 'latin1');
    this.#numbers[number + 1] = fence.epoch;
    this.#numbers[number + 2] = limitSeconds;
    this.#numbers[number + 3] = attempt;
    this.#numbers[number + 4] = retryDelayMs ?? -1;
    // last: a record with a deadline is whole
    this.#numbers[number] = deadline;
    return {
      [Symbol.dispose]: () => {
        this.#numbers[number] = 0;
        this.#free.push(record);
      },
    };
  }

  /** Runs whose deadline was before `time`. Of meaning while nobody writes. */
  overdue(time: number): WatchedRun[] {
    const found: WatchedRun[] = [];
    for (let record = 0; record < capacity; record += 1) {
      const number = (record * recordBytes) / 8;
      const [deadline = 0, epoch = 0, limitSeconds = 0, attempt = 0, delay = -1] = this.#numbers.subarray(
        number,
        number + numbers,
      );
      if (deadline === 0 || deadline > time) continue;
      const text = record * recordBytes + numbers * 8;
      const read = (from: number, bytes: number) => this.#text.toString('latin1', text + from, text + from + bytes);
      const length = this.#text[text + 2 * uuidBytes] ?? 0;
      found.push({
        fence: { id: read(0, uuidBytes), owner: read(uuidBytes, uuidBytes), epoch },
        task: read(2 * uuidBytes + 1, length),
        attempt,
        limitSeconds,
        ...(delay < 0 ? {} : { retryDelayMs: delay }),
        deadline,
      });
    }
    return found;
  }
}
