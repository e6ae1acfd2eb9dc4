/** The data folder of the embedded default: one process at a time, readable by its owner only unless somebody opened it. */
import { randomBytes } from 'node:crypto';
import { access, chmod, constants, mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { isErrno, StartError } from '../errors.ts';
import type { Logger } from '../telemetry/logger.ts';

export interface DataFolder {
  readonly path: string;
  readonly database: string;
  readonly redis: string;
  readonly apiKeyFile: string;
  release(): void;
}

const ownerOnlyFolder = 0o700;
const ownerOnlyFile = 0o600;
/** Mode bits of everybody but the owner. */
const othersBits = 0o077;
/** What in it is made by programs that leave it open to all. */
const innerFolders = ['redis', 'pglite', 'storage'];

/**
 * Makes and locks the folder. One that is there already keeps its mode; where others can look into it, what we put into it is
 * closed to them, and the log says so. The lock is SQLite's file lock: the system lets go of it when this process dies,
 * however it dies.
 * @throws StartError `data_folder_unwritable`, `data_folder_locked`, `data_folder_damaged`
 */
export async function openDataFolder(path: string, log: Pick<Logger, 'warn'>): Promise<DataFolder> {
  const redis = join(path, 'redis');
  let mode: number;
  try {
    await makeFolder(path);
    await access(path, constants.W_OK | constants.X_OK);
    mode = (await stat(path)).mode & 0o777;
    const open = (mode & othersBits) !== 0;
    for (const inner of open ? innerFolders : ['redis']) await makeFolder(join(path, inner));
  } catch (cause) {
    throw new StartError({
      code: 'data_folder_unwritable',
      message: `The data folder ${path} cannot be made or written.`,
      hint: 'Give MILLRACE_HOME a folder that this user owns.',
      cause,
    });
  }
  const lock = lockFile(join(path, 'lock.db'), path, await readHolder(join(path, 'pid')));
  await writeFile(join(path, 'pid'), `${process.pid}\n`, { mode: ownerOnlyFile });
  if ((mode & othersBits) !== 0) {
    log.warn(
      { folder: path, mode: mode.toString(8), hint: 'If nobody else has to see it, close it: chmod 700.' },
      'the data folder is open to other users of this machine, as it was made',
    );
  }
  return {
    path,
    database: join(path, 'pglite'),
    redis,
    apiKeyFile: join(path, 'api-key'),
    release: () => lock.close(),
  };
}

/** Makes a folder for its owner only, whatever the umask; one that is there is left as it is. */
async function makeFolder(path: string): Promise<void> {
  const made = await mkdir(path, { recursive: true, mode: ownerOnlyFolder });
  if (made !== undefined) await chmod(path, ownerOnlyFolder);
}

/** The process id that the last holder wrote: for the message only, the lock itself is the file lock. */
async function readHolder(file: string): Promise<string> {
  try {
    return (await readFile(file, 'utf8')).trim();
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return 'unknown';
    throw error;
  }
}

function lockFile(file: string, folder: string, holder: string): DatabaseSync {
  let lock: DatabaseSync | undefined;
  try {
    lock = new DatabaseSync(file);
    lock.exec('pragma busy_timeout = 0; begin exclusive');
    return lock;
  } catch (cause) {
    lock?.close();
    const locked = cause instanceof Error && 'errcode' in cause && cause.errcode === 5;
    throw locked
      ? new StartError({
          code: 'data_folder_locked',
          message: `Another Millrace (process ${holder}) runs on the data folder ${folder}.`,
          hint: 'Use that one, stop it, or set MILLRACE_HOME and DIFY_PORT to start a second one beside it.',
        })
      : new StartError({
          code: 'data_folder_damaged',
          message: `The lock file ${file} cannot be used.`,
          hint: 'It holds no data: delete it and start again.',
          cause,
        });
  }
}

/** Reads the secret kept in `file`, or makes it with `make` and keeps it, for its owner only. */
export async function keptSecret(
  file: string,
  make: () => string = () => randomBytes(24).toString('hex'),
): Promise<{ secret: string; made: boolean }> {
  try {
    const secret = (await readFile(file, 'utf8')).trim();
    if (secret !== '') return { secret, made: false };
  } catch (error) {
    if (!isErrno(error, 'ENOENT')) throw error;
  }
  const secret = make();
  // a new file put in place as a whole: neither half a secret after a kill, nor the mode of a file that was there
  const fresh = `${file}.new`;
  await rm(fresh, { force: true });
  await writeFile(fresh, `${secret}\n`, { mode: ownerOnlyFile });
  await rename(fresh, file);
  return { secret, made: true };
}
