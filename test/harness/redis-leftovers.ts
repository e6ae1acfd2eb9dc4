import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { commandLine, processLives } from './processes.ts';

const parent = join(tmpdir(), 'millrace-test-redis');
let made = 0;

/** A new private folder for one Redis; its name says which test process owns it. */
export function redisFolder(): string {
  made += 1;
  const folder = join(parent, `${process.pid}-${made}-${Date.now()}`);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  return folder;
}

export const pidFileName = 'redis.pid';

/** Ends the servers, and removes the folders, of test processes that died without doing so. */
export function removeRedisLeftovers(): void {
  if (!existsSync(parent)) return;
  for (const name of readdirSync(parent)) {
    if (processLives(Number(name.split('-')[0]))) continue;
    const folder = join(parent, name);
    const pidFile = join(folder, pidFileName);
    const pid = existsSync(pidFile) ? Number(readFileSync(pidFile, 'utf8')) : 0;
    // The id may have gone to another process: only one that names this folder is the server.
    if (processLives(pid) && commandLine(pid).includes(folder)) process.kill(pid, 'SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  }
}
