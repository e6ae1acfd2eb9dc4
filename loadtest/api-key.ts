/** The API key, found while k6 reads the scripts: only then may files be opened. */
import { keyPaths } from './key-paths.ts';

export interface FoundKey {
  readonly key: string | undefined;
  /** What was looked at in vain; a file that is there with the reason. */
  readonly looked: readonly string[];
}

/** `MILLRACE_API_KEY`, else the first file of `keyPaths` that holds one. */
export function findApiKey(env: Readonly<Record<string, string | undefined>>): FoundKey {
  const own = env.MILLRACE_API_KEY?.trim();
  if (own) return { key: own, looked: [] };
  const looked = ['MILLRACE_API_KEY'];
  for (const path of keyPaths(env, env.PWD, import.meta.resolve('../.millrace/api-key'))) {
    let why = ' (empty)';
    try {
      const key = open(path).trim();
      if (key !== '') return { key, looked };
    } catch (error) {
      why = reasonOf(String(error));
    }
    looked.push(path.replace(/^file:\/\//, '') + why);
  }
  return { key: undefined, looked };
}

/** Of "GoError: open PATH: permission denied", as k6 words it, the last part in brackets; nothing of a file that is not there. */
const reasonOf = (words: string) =>
  words.endsWith('no such file or directory') ? '' : ` (${words.replace(/^GoError: (?:(?:open|stat) .+: )?/, '')})`;
