/** Ends the run with a sentence: on k6's standard error, without a stack, exit code 108. */
import exec from 'k6/execution';

export function abort(sentence: string): never {
  exec.test.abort(sentence);
  // k6 never comes back from abort; its types do not say so
  throw new Error(sentence);
}
