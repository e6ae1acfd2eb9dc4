/** One way through a proxy: what one socket says is written to another, late if it is to be, in order always. */
import type { Socket } from 'node:net';

export interface Slowness {
  /** Each way. */
  readonly delayMs: number;
  /** Added or taken away, evenly spread. */
  readonly jitterMs: number;
  /** The share that comes `lateMs` later, as a lost packet does that is sent again. */
  readonly lateShare: number;
  readonly lateMs: number;
  /** Numbers from 0 to 1, from a seed. */
  readonly random: () => number;
}

/** Held back on its way, at most; beyond it the sender is not read from. */
const maxHeldBytes = 4 * 1024 * 1024;

interface Parcel {
  /** Undefined: the end. */
  readonly bytes: Buffer | undefined;
  readonly dueAt: number;
}

export class Pipe {
  readonly #from: Socket;
  readonly #to: Socket;
  readonly #pace: () => Slowness | undefined;
  readonly #held: Parcel[] = [];
  #heldBytes = 0;
  #timer: NodeJS.Timeout | undefined;
  #silent = false;
  /** The receiver takes no more just now. */
  #blocked = false;

  constructor(from: Socket, to: Socket, pace: () => Slowness | undefined) {
    this.#from = from;
    this.#to = to;
    this.#pace = pace;
    from.on('data', (bytes: Buffer) => this.#take(bytes));
    from.on('end', () => this.#take(undefined));
    from.once('close', () => clearTimeout(this.#timer));
    to.on('drain', () => {
      this.#blocked = false;
      this.#forward();
    });
  }

  get silent(): boolean {
    return this.#silent;
  }

  /** Reads no more and writes no more; what is sent meanwhile waits in the system's buffers. */
  silence(): void {
    this.#silent = true;
    this.#from.pause();
  }

  resume(): void {
    if (!this.#silent) return;
    this.#silent = false;
    this.#forward();
  }

  #take(bytes: Buffer | undefined): void {
    const pace = this.#pace();
    const now = performance.now();
    const lateMs = pace && pace.random() < pace.lateShare ? pace.lateMs : 0;
    const wayMs = pace ? pace.delayMs + (2 * pace.random() - 1) * pace.jitterMs + lateMs : 0;
    // nothing overtakes
    const dueAt = Math.max(now + wayMs, this.#held.at(-1)?.dueAt ?? 0);
    this.#held.push({ bytes, dueAt });
    this.#heldBytes += bytes?.length ?? 0;
    if (this.#heldBytes > maxHeldBytes) this.#from.pause();
    this.#forward();
  }

  #forward(): void {
    clearTimeout(this.#timer);
    for (let next = this.#held[0]; next && !this.#silent && !this.#blocked; next = this.#held[0]) {
      const waitMs = next.dueAt - performance.now();
      if (waitMs > 0) {
        this.#timer = setTimeout(() => this.#forward(), waitMs);
        return;
      }
      this.#held.shift();
      this.#heldBytes -= next.bytes?.length ?? 0;
      if (!this.#to.writable) continue;
      if (next.bytes === undefined) this.#to.end();
      else this.#blocked = !this.#to.write(next.bytes);
    }
    if (this.#silent) return;
    if (!this.#blocked && this.#heldBytes <= maxHeldBytes && this.#from.isPaused()) this.#from.resume();
  }
}
