/** Files of the checkout that stacks mount or read. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseEnv } from 'node:util';
import { StartError } from '../worker/errors.ts';

/** Gives every file below a folder, relative to the checkout, in order. @throws StartError `stack_file_missing` */
export function filesBelow(root: string, folder: string): readonly string[] {
  try {
    return readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name).slice(join(root, '/').length))
      .sort();
  } catch (cause) {
    throw missing(folder, cause);
  }
}

/** Reads a file of variables. @throws StartError `stack_file_missing` */
export function environmentFile(root: string, file: string): Record<string, string> {
  try {
    const read = parseEnv(readFileSync(join(root, file), 'utf8'));
    return Object.fromEntries(Object.entries(read).map(([name, value]) => [name, value ?? '']));
  } catch (cause) {
    throw missing(file, cause);
  }
}

function missing(path: string, cause: unknown): StartError {
  return new StartError({
    code: 'stack_file_missing',
    message: `${path} cannot be read, and the stacks mount what stands in it.`,
    hint: 'Run cdktf from the root of a whole checkout.',
    cause,
  });
}
