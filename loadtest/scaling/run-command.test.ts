import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { runCommand } from './run-command.ts';

const run = (script: string, limitSeconds = 30, signal?: AbortSignal) =>
  runCommand([process.execPath, '-e', script], {
    cwd: tmpdir(),
    env: { GIVEN: 'word' },
    limitSeconds,
    ...(signal && { signal }),
  });

describe('a command that scales', () => {
  it('should be waited for, with the environment that it was given', async () => {
    await run(`process.exit(process.env.GIVEN === 'word' ? 0 : 1)`);
  });

  it('should be told with its last lines when it fails', async () => {
    await expect(run(`console.log('why it failed'); process.exit(3)`)).rejects.toMatchObject({
      code: 'command_failed',
      message: expect.stringMatching(/ended with exit code 3\. Its last lines:\nwhy it failed$/),
    });
  });

  it('should be ended when it is broken off, and the reason told', async () => {
    const controller = new AbortController();
    const ended = run('setInterval(() => {}, 1000)', 30, controller.signal);
    controller.abort(new Error('why it was broken off'));
    await expect(ended).rejects.toThrow('why it was broken off');
  });

  it('should not be started when that has happened before', async () => {
    const words = ['no-such-program'];
    const signal = AbortSignal.abort(new Error('why it was broken off'));
    await expect(runCommand(words, { cwd: tmpdir(), env: {}, limitSeconds: 5, signal })).rejects.toThrow('why it was');
  });

  it('should be out of the reach of Ctrl-C at the terminal, in a process group of its own', async () => {
    // the fifth field; the second, the name in brackets, has no blank here
    await run(`
      const [pid, , , , group] = require('node:fs').readFileSync('/proc/self/stat', 'utf8').split(' ');
      process.exit(pid === group ? 0 : 1);`);
  });

  it('should be told as not found, with what it was to run', async () => {
    await expect(
      runCommand(['no-such-program', 'n'], { cwd: tmpdir(), env: {}, limitSeconds: 5 }),
    ).rejects.toMatchObject({ code: 'command_not_found', hint: 'It was to run: no-such-program n' });
  });

  it('should be ended when its time is over', async () => {
    await expect(run('setInterval(() => {}, 1000)', 1)).rejects.toMatchObject({
      code: 'command_failed',
      message: expect.stringContaining('ended with SIGTERM, after at most 1 s'),
    });
  });

  it('should not be waited for by way of what it leaves behind, which holds its output open', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'millrace-command-'));
    const env = { PID_FILE: join(folder, 'pid') };
    const script = `
      const left = require('node:child_process').spawn('sleep', ['60'], { stdio: 'inherit', detached: true });
      require('node:fs').writeFileSync(process.env.PID_FILE, String(left.pid));
      left.unref();`;
    try {
      // within the time of a test, which is a third of what is left behind
      await expect(
        runCommand([process.execPath, '-e', script], { cwd: folder, env, limitSeconds: 30 }),
      ).resolves.toBeUndefined();
    } finally {
      process.kill(Number(await readFile(env.PID_FILE, 'utf8')), 'SIGKILL');
      await rm(folder, { recursive: true, force: true });
    }
  });
});
