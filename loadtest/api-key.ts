/** The API key, found while k6 reads the scripts: only then may files be opened. */
import { keyPaths } from './key-paths.ts';

export interface FoundKey {
  readonly key: string | undefined;
  /** What was looked at in vain. */
  readonly looked: readonly string[];
}

/** `MILLRACE_API_KEY`, else the first file of `keyPaths` that holds one. */
export function findApiKey(env: Readonly<Record<string, string | undefined>>): FoundKey {
  const own = env.MILLRACE_API_KEY?.trim();
  if (own) return { key: own, looked: [] };
  const looked = ['MILLRACE_API_KEY'];
  for (const path of keyPaths(env, env.PWD, import.meta.resolve('../.millrace/api-key'))) {
    looked.push(path.replace(/^file:\/\//, ''));
    try {
      const key = open(path).trim();
      if (key !== '') return { key, looked };
    } catch {
      // not there, or not ours to read: the sentence names it
    }
  }
  return { key: undefined, looked };
}
