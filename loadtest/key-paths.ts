/** Where a load test looks for the API key, when it is not in the environment itself. */

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The file `MILLRACE_API_KEY_FILE`, else `api-key` in `MILLRACE_HOME`, else `.millrace/api-key`: where the run was
 * started, then in the checkout.
 * @param here where the run was started; undefined: nobody knows
 * @param checkout the same file of this checkout, as its opener wants it named
 */
export function keyPaths(env: Environment, here: string | undefined, checkout: string): readonly string[] {
  const seenFromHere = (path: string) => (path.startsWith('/') || !here ? path : `${here}/${path}`);
  if (env.MILLRACE_API_KEY_FILE) return [seenFromHere(env.MILLRACE_API_KEY_FILE)];
  if (env.MILLRACE_HOME) return [`${seenFromHere(env.MILLRACE_HOME)}/api-key`];
  return [...(here ? [`${here}/.millrace/api-key`] : []), checkout];
}
