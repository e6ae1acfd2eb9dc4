/**
 * Prints what the names of all containers and volumes of a stack begin with:
 *   node stacks/name.ts STACK
 * Exit codes: 0 printed, 2 not understood, 78 settings that make no sense.
 */
import { join, resolve } from 'node:path';
import { StartError } from '../worker/errors.ts';
import { readSettings, valuesOf } from './settings.ts';
import { stackNames } from './stack.ts';

/** EX_CONFIG of sysexits.h. */
const wrongConfiguration = 78;

/** `<project>-<stack>`. @throws StartError as {@link readSettings} */
export function nameOf(stack: string): string {
  const { project } = readSettings(valuesOf(process.env, join(resolve(import.meta.dirname, '..'), 'compose/.env')));
  return `${project}-${stack}`;
}

if (import.meta.main) {
  const stack = stackNames.find((name) => name === process.argv[2]);
  if (stack === undefined || process.argv.length > 3) {
    console.error(`Expected a stack (${stackNames.join(', ')}); got "${process.argv.slice(2).join(' ')}".`);
    process.exitCode = 2;
  } else {
    try {
      console.log(nameOf(stack));
    } catch (error) {
      if (!(error instanceof StartError)) throw error;
      console.error(`${error.code}: ${error.message}${error.hint === undefined ? '' : `\n${error.hint}`}`);
      process.exitCode = wrongConfiguration;
    }
  }
}
