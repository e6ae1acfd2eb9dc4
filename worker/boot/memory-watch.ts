/** A worker that runs handlers on its own loop is recycled as threads and children are: a leak ends in a restart, and not in the kernel. */
import type { WorkerClass } from '../config/config.ts';

/** Memory grows over minutes; one look is a system call. */
const lookMs = 10_000;
const mebibyte = 1024 * 1024;

export interface MemoryWatchOptions {
  readonly workerClass: WorkerClass;
  /** Resident memory that is too much, MiB. `MILLRACE_MAX_MEMORY_PER_CHILD`. */
  readonly maxMib: number;
  /** Asks for the process to be drained and started anew; called once. */
  readonly wearOut: (reason: string) => void;
  /** Resident memory of this process, bytes. */
  readonly residentBytes?: (() => number) | undefined;
}

/** Where threads or children run the handlers, those are recycled, and this process holds next to nothing of theirs. */
export function watchMemory({
  workerClass,
  maxMib,
  wearOut,
  residentBytes = () => process.memoryUsage.rss(),
}: MemoryWatchOptions): Disposable {
  if (workerClass !== 'async' && workerClass !== 'solo') return { [Symbol.dispose]: () => undefined };
  const timer = setInterval(() => {
    const mib = Math.round(residentBytes() / mebibyte);
    if (mib <= maxMib) return;
    clearInterval(timer);
    wearOut(`it holds ${mib} MB, more than MILLRACE_MAX_MEMORY_PER_CHILD (${maxMib})`);
  }, lookMs).unref();
  return { [Symbol.dispose]: () => clearInterval(timer) };
}
