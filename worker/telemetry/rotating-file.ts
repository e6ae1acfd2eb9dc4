/**
 * A log file that never grows past its bounds: `path` is written, and at `maxBytes` becomes `path.1`, that one `path.2`, and so on up to
 * `path.<backups>`, which is dropped. Several processes may share it (workers on one volume): lines are appended whole, one process at a
 * time rotates, and the others notice. Written at once, so that the last line before a death is there too.
 */
import {
  closeSync,
  fstatSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  type Stats,
  statSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { errorText, isErrno, StartError } from '../errors.ts';

export interface RotatingFileOptions {
  readonly path: string;
  /** `LOG_FILE_MAX_SIZE`, in bytes. A line longer than this has a file of its own. */
  readonly maxBytes: number;
  /** `LOG_FILE_BACKUP_COUNT`. */
  readonly backups: number;
  /** Told once when a line could not be written, and again after one that could. */
  readonly onError?: (error: Error) => void;
}

/** A rotation is a few renames: a lock that is older belongs to a process that died. */
const staleLockMs = 10_000;
/** Lines may hold what documents and people said. */
const fileMode = 0o600;

export class RotatingFile {
  readonly #options: RotatingFileOptions;
  #fd: number;
  /** Of the file that is open: another process may put another one in its place. */
  #inode: number | undefined;
  #failing = false;

  /** @throws StartError `log_file_unwritable` */
  constructor(options: RotatingFileOptions) {
    this.#options = options;
    try {
      mkdirSync(dirname(options.path), { recursive: true });
      this.#fd = this.#open();
    } catch (cause) {
      throw new StartError({
        code: 'log_file_unwritable',
        message: `LOG_FILE: cannot write to ${options.path} (${errorText(cause)})`,
        hint: 'Name a file in a folder that this user may write to (in the kit: below /app/logs), or unset LOG_FILE.',
        cause,
      });
    }
  }

  /** Appends a line. Never throws: who logs is not stopped by a full disk. */
  write(line: string): void {
    try {
      this.#makeRoom(Buffer.byteLength(line));
      writeSync(this.#fd, line);
      this.#failing = false;
    } catch (error) {
      if (!this.#failing) this.#options.onError?.(error instanceof Error ? error : new Error(String(error)));
      this.#failing = true;
    }
  }

  close(): void {
    closeSync(this.#fd);
  }

  #open(): number {
    const fd = openSync(this.#options.path, 'a', fileMode);
    this.#inode = fstatSync(fd).ino;
    return fd;
  }

  /** Follows a file that another process rotated, and rotates one that is full. */
  #makeRoom(bytes: number): void {
    let standing = this.#standing();
    if (standing?.ino !== this.#inode) {
      this.#reopen();
      standing = this.#standing();
    }
    if (isFull(standing, bytes, this.#options.maxBytes) && this.#rotate(bytes)) this.#reopen();
  }

  #standing(): Stats | undefined {
    return statSync(this.#options.path, { throwIfNoEntry: false });
  }

  #reopen(): void {
    const fresh = this.#open();
    closeSync(this.#fd);
    this.#fd = fresh;
  }

  /** False when another process is at it: this line then goes over the bound. */
  #rotate(bytes: number): boolean {
    const { path, maxBytes, backups } = this.#options;
    const lock = `${path}.lock`;
    try {
      closeSync(openSync(lock, 'wx', fileMode));
    } catch (error) {
      if (!isErrno(error, 'EEXIST')) throw error;
      const held = statSync(lock, { throwIfNoEntry: false });
      if (held !== undefined && Date.now() - held.mtimeMs > staleLockMs) rmSync(lock, { force: true });
      return false;
    }
    try {
      // another may have done it since this one looked
      if (!isFull(this.#standing(), bytes, maxBytes)) return true;
      for (let n = backups - 1; n >= 1; n--) moveIfThere(`${path}.${n}`, `${path}.${n + 1}`);
      moveIfThere(path, `${path}.1`);
      return true;
    } finally {
      rmSync(lock, { force: true });
    }
  }
}

const isFull = (file: Stats | undefined, bytes: number, maxBytes: number) =>
  file !== undefined && file.size > 0 && file.size + bytes > maxBytes;

function moveIfThere(from: string, to: string): void {
  if (statSync(from, { throwIfNoEntry: false }) !== undefined) renameSync(from, to);
}
