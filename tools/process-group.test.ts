import { describe, expect, test } from 'vitest';
import { runGroup } from './process-group.ts';

describe('runGroup', () => {
  test('should give the exit code of the command', async () => {
    const result = await runGroup(['sh', '-c', 'exit 3'], { limitSeconds: 10, stdio: 'ignore' });
    expect(result).toMatchObject({ exitCode: 3, timedOut: false });
  });

  test('should give 127 for a command that does not exist', async () => {
    const result = await runGroup(['/no/such/command'], { limitSeconds: 10, stdio: 'ignore' });
    expect(result).toMatchObject({ exitCode: 127, timedOut: false });
  });

  test('should end what the command started, too, when its time is over', async () => {
    const { promise: pid, resolve } = Promise.withResolvers<number>();
    const result = await runGroup(['sh', '-c', 'sleep 600 & echo $!; wait'], {
      limitSeconds: 0.5,
      stdio: ['ignore', 'pipe', 'ignore'],
      onStart: (child) => child.stdout?.once('data', (text: Buffer) => resolve(Number(text.toString()))),
    });
    expect(result.timedOut).toBe(true);
    const grandchild = await pid;
    // The signal is sent; that the kernel has taken the process away is what is waited for.
    await expect.poll(() => isRunning(grandchild), { timeout: 5_000 }).toBe(false);
  });
});

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
