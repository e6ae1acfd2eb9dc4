/**
 * Failpoints: named places on a task's way at which a test lets a process die, as a power cut would end it there. Off but for
 * MILLRACE_FAILPOINT; then each place costs one comparison.
 */
import type { Failpoint, FailpointName } from '../config/config.ts';

/** Kept in the module, unlike all else: handing it down the whole way of a task, for tests alone, would cost every signature on it. */
let armed: { readonly name: FailpointName; left: number } | undefined;

/** From now on this process dies when it comes to the place for the `count`th time. Called once, at start. */
export function armFailpoint({ name, count }: Failpoint): void {
  armed = { name, left: count };
}

/** A place where this process may be told to die: by SIGKILL, so that nothing is written, closed or handed back. */
export function failpoint(name: FailpointName): void {
  if (armed === undefined || armed.name !== name) return;
  armed.left -= 1;
  if (armed.left === 0) process.kill(process.pid, 'SIGKILL');
}
