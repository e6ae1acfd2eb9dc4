/** The API key, found while k6 reads the scripts: only then may files be opened. */

export interface FoundKey {
  readonly key: string | undefined;
  /** What was looked at in vain. */
  readonly looked: readonly string[];
}

/**
 * `MILLRACE_API_KEY`, else the file `MILLRACE_API_KEY_FILE`, else `api-key` in `MILLRACE_HOME` (`.millrace`): where k6
 * was started, then at the root of this checkout.
 */
export function findApiKey(env: Readonly<Record<string, string | undefined>>): FoundKey {
  const own = env.MILLRACE_API_KEY?.trim();
  if (own) return { key: own, looked: [] };
  const looked = ['MILLRACE_API_KEY'];
  for (const path of paths(env)) {
    looked.push(path.startsWith('file:') ? path.slice('file://'.length) : path);
    try {
      const key = open(path).trim();
      if (key !== '') return { key, looked };
    } catch {
      // not there, or not ours to read: the sentence names it
    }
  }
  return { key: undefined, looked };
}

function paths(env: Readonly<Record<string, string | undefined>>): readonly string[] {
  const here = env.PWD;
  const seenFromHere = (path: string) => (path.startsWith('/') || !here ? path : `${here}/${path}`);
  if (env.MILLRACE_API_KEY_FILE) return [seenFromHere(env.MILLRACE_API_KEY_FILE)];
  if (env.MILLRACE_HOME) return [`${seenFromHere(env.MILLRACE_HOME)}/api-key`];
  const own = here ? [`${here}/.millrace/api-key`] : [];
  return [...own, import.meta.resolve('../.millrace/api-key')];
}
