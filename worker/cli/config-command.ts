/** `millrace config`: what the environment comes to, with secrets masked. */

import { readConfig } from '../config/config.ts';
import { inspectEnvironment, type RawEnvironment } from '../config/environment.ts';
import { type VariableName, variables } from '../config/variables/index.ts';

/**
 * One line a variable that has a value, `NAME=value`, or one JSON object.
 * @throws StartError `config_invalid`
 */
export function printConfig(env: RawEnvironment, json: boolean): string {
  // throws at any fault: a printed configuration is one that starts
  readConfig(env);
  const { values } = inspectEnvironment(env);
  const shown = (Object.keys(variables) as VariableName[]).flatMap((name): [string, unknown][] => {
    const value = values[name];
    if (value === undefined) return [];
    return [[name, 'secret' in variables[name] ? '***' : value]];
  });
  if (json) return JSON.stringify(Object.fromEntries(shown), null, 2);
  return shown.map(([name, value]) => `${name}=${Array.isArray(value) ? value.join(',') : String(value)}`).join('\n');
}
