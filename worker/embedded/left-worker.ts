/** The worker process of a Millrace that was killed: it ends by itself, and where it could not, the next start ends it. */
import { execFile } from 'node:child_process';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { z } from 'zod';
import { StartError } from '../errors.ts';
import type { Logger } from '../telemetry/logger.ts';

const run = promisify(execFile);
const goneMs = 5000;
const pollMs = 20;

const notedSchema = z.object({ pid: z.int().positive(), owner: z.uuid() });
export type NotedWorker = z.output<typeof notedSchema>;

const fileOf = (home: string) => join(home, 'worker.json');

/** Leaves word of the worker process for the next start. */
export async function noteWorker(home: string, worker: NotedWorker): Promise<void> {
  await writeFile(fileOf(home), `${JSON.stringify(worker)}\n`, { mode: 0o600 });
}

/** Call when the worker process has ended by itself. */
export async function forgetNotedWorker(home: string): Promise<void> {
  await rm(fileOf(home), { force: true });
}

/**
 * Ends the worker process that a killed Millrace left, if it is still there: nobody else is killed, because it is known by
 * its command line, which ends with the module and the data folder. The caller holds the lock on the folder.
 * @returns the one that was noted, for what it held; undefined when the last Millrace ended in order
 * @throws StartError `worker_left_behind`
 */
export async function endLeftWorker(home: string, entry: URL, log: Logger): Promise<NotedWorker | undefined> {
  const noted = await readNoted(home);
  if (!noted) return undefined;
  const isOurs = async () => (await commandLine(noted.pid)).endsWith(` ${fileURLToPath(entry)} ${home}`);
  const deadline = Date.now() + goneMs;
  let told = false;
  while (await isOurs()) {
    if (Date.now() > deadline) {
      throw new StartError({
        code: 'worker_left_behind',
        message: `The worker process ${noted.pid} that a former run left does not end.`,
        hint: 'End that process by hand, then start again.',
      });
    }
    if (!told) log.info({ pid: noted.pid }, 'ending the worker process that a former run left behind');
    told = true;
    try {
      process.kill(noted.pid, 'SIGKILL');
    } catch {
      // it has just ended
    }
    await wait(pollMs);
  }
  await forgetNotedWorker(home);
  return noted;
}

async function readNoted(home: string): Promise<NotedWorker | undefined> {
  try {
    return notedSchema.parse(JSON.parse(await readFile(fileOf(home), 'utf8')));
  } catch {
    // none, or half a file of a process that was killed as it wrote: then the channel that closed has ended it
    return undefined;
  }
}

/** Words apart by blanks; empty for a process that is not there, or has ended and waits for its parent to take note. */
async function commandLine(pid: number): Promise<string> {
  try {
    if (process.platform === 'linux')
      return (await readFile(`/proc/${pid}/cmdline`, 'utf8')).replaceAll('\0', ' ').trimEnd();
    return (await run('ps', ['-ww', '-o', 'args=', '-p', String(pid)])).stdout.trimEnd();
  } catch {
    return '';
  }
}
