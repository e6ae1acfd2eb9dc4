/**
 * The folder of a PGlite database: made once, as a whole, by a child process.
 *
 * PGlite runs `initdb` in a second Postgres beside the first and keeps copies of its memory: it takes 600 MB, or 1.1 GB with
 * V8's optimising compiler at work, and what WebAssembly has grown to is never given back. A process that ends gives all of it
 * back. Killed half-way, it leaves a folder that nobody opens.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isErrno, StartError } from '../errors.ts';

const childFile = fileURLToPath(new URL('./pglite-folder.child.ts', import.meta.url));
/** It takes 2 to 3 s on a machine at rest. */
const makeTimeoutMs = 60_000;
/** Kept for the message when it fails. */
const maxErrorChars = 2000;

/**
 * Makes the database in `folder`, unless there is one. What stands there otherwise is left as it is. The caller holds the lock on
 * the data folder, so nobody else makes one.
 * @throws StartError `database_unreadable` when there are files but no database, `database_not_made`
 */
export async function ensurePgliteFolder(folder: string): Promise<void> {
  const prefix = `${basename(folder)}.new-`;
  await removeLeftovers(dirname(folder), prefix);
  const names = await namesIn(folder);
  if (names.includes('PG_VERSION')) return;
  if (names.length > 0) {
    throw new StartError({
      code: 'database_unreadable',
      message: `The embedded database in ${folder} cannot be opened: there are files, but the file PG_VERSION is not among them.`,
      hint: 'Move the folder away and start again (Redis and files are kept), or restore a copy.',
    });
  }
  try {
    // a name of its own: the child of a process that was killed may still write to the former one
    const fresh = await mkdtemp(join(dirname(folder), prefix));
    await make(fresh);
    // takes the place of a folder that is empty, too
    await rename(fresh, folder);
  } catch (cause) {
    await removeLeftovers(dirname(folder), prefix);
    throw new StartError({
      code: 'database_not_made',
      message: `The embedded database in ${folder} could not be made.`,
      hint: 'Check that the disk has room (100 MB) and the machine memory (700 MB), then start again.',
      cause,
    });
  }
}

/** Names in a folder; none when it is not there. */
async function namesIn(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return [];
    throw error;
  }
}

/** What killed processes left. What cannot be removed now, because it is still written to, goes with the next start. */
async function removeLeftovers(parent: string, prefix: string): Promise<void> {
  for (const name of await namesIn(parent)) {
    if (name.startsWith(prefix)) await rm(join(parent, name), { recursive: true, force: true }).catch(() => undefined);
  }
}

async function make(folder: string): Promise<void> {
  const child = fork(childFile, [folder], {
    // compiled once and run for seconds: the optimising compiler would take longer than it saves, and 500 MB
    execArgv: ['--liftoff-only', '--disable-warning=ExperimentalWarning'],
    // an environment without our secrets
    env: {},
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  });
  let said = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    said = (said + chunk.toString()).slice(-maxErrorChars);
  });
  const timer = setTimeout(() => child.kill('SIGKILL'), makeTimeoutMs);
  try {
    // 'close' comes after the last of its output; an 'error' rejects
    const [code, signal]: unknown[] = await once(child, 'close');
    if (code === 0) return;
    const end = signal === null ? `exit code ${String(code)}` : String(signal);
    throw new Error(`the process that makes it ended with ${end}: ${said.trim() || 'it said nothing'}`);
  } finally {
    clearTimeout(timer);
  }
}
