import { setTimeout as wait } from 'node:timers/promises';

const pollMs = 50;

/**
 * Asks until the answer is yes: for servers that tell of no event to await. An error counts as a no.
 * @throws after `withinMs`, with what was expected and the newest error.
 */
export async function until(expected: string, withinMs: number, ask: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + withinMs;
  let cause: unknown;
  for (;;) {
    try {
      cause = undefined;
      if (await ask()) return;
    } catch (error) {
      cause = error;
    }
    if (Date.now() > deadline) throw new Error(`expected within ${withinMs} ms: ${expected}`, { cause });
    await wait(pollMs);
  }
}
