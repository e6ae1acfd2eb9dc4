import { setTimeout } from 'k6/timers';

/** Unlike k6's `sleep` it lets what else the sender does go on. */
export async function pause(seconds: number): Promise<void> {
  await new Promise<void>((resolve) => {
    setTimeout(resolve, seconds * 1000);
  });
}
