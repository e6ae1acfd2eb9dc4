/** Reads what an operator gives to the one-shot `secrets`, and keeps the key by which Terraform may compare it. */
import { randomBytes } from 'node:crypto';
import { existsSync, linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseEnv } from 'node:util';
import { externalFiles } from '../worker/config/given.ts';
import { isErrno, StartError } from '../worker/errors.ts';
import type { GivenSecrets } from './revisions.ts';

const keyFile = 'revision-key';
const keyBytes = 32;

/**
 * @param compose the folder of that name
 * @param keyFolder where the key is kept, which is made when it is asked for first
 * @throws StartError `stack_secret_unreadable`, `stack_revision_key`
 */
export function givenSecrets(compose: string, keyFolder: string): GivenSecrets {
  const read = (path: string) => {
    const file = join(compose, path);
    if (!existsSync(file)) return undefined;
    try {
      return readFileSync(file, 'utf8');
    } catch (cause) {
      throw new StartError({
        code: 'stack_secret_unreadable',
        message: `compose/${path} cannot be read, so nobody could tell when it changes.`,
        hint: 'Let whoever deploys read it.',
        cause,
      });
    }
  };
  return {
    lines: parseEnv(read('.env') ?? ''),
    files: Object.fromEntries(Object.values(externalFiles).map((file) => [file, read(`external/${file}`)])),
    key: () => keptKey(keyFolder),
  };
}

/** As a whole or not at all: two who synthesise at once take the same one. */
function keptKey(folder: string): Buffer {
  const file = join(folder, keyFile);
  if (!existsSync(file)) {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const fresh = `${file}.${process.pid}`;
    writeFileSync(fresh, randomBytes(keyBytes).toString('hex'), { mode: 0o600 });
    try {
      linkSync(fresh, file);
    } catch (error) {
      if (!isErrno(error, 'EEXIST')) throw error;
    } finally {
      rmSync(fresh);
    }
  }
  const key = Buffer.from(readFileSync(file, 'utf8').trim(), 'hex');
  if (key.length === keyBytes) return key;
  throw new StartError({
    code: 'stack_revision_key',
    message: `${file} holds ${key.length} bytes; expected ${keyBytes} in hexadecimal digits.`,
    hint: 'Take the file away: another is made, and the containers that hold a secret of compose/.env are replaced once.',
  });
}
