/** Reads the environment against the variables there are: `NAME`, else the file at `NAME_FILE`, else the default. */
import { readFileSync } from 'node:fs';
import type { z } from 'zod';
import { StartError } from '../errors.ts';
import { type VariableName, variables } from './variables/index.ts';

export type Environment = Readonly<{ [N in VariableName]: z.output<(typeof variables)[N]['type']> }>;
export type RawEnvironment = Readonly<Record<string, string | undefined>>;

/** Secret files hold one line; a trailing newline is the editor's, not the secret's. */
const readSecretFile = (path: string) => readFileSync(path, 'utf8').replace(/\r?\n$/, '');

/** What the environment, or the file it names, gives for `name`; undefined when neither does or a fault was added. */
export function givenValue(name: string, env: RawEnvironment, faults: string[]): string | undefined {
  const own = env[name] === '' ? undefined : env[name];
  const path = env[`${name}_FILE`] === '' ? undefined : env[`${name}_FILE`];
  if (own !== undefined && path !== undefined) {
    faults.push(`${name}: both ${name} and ${name}_FILE are set; keep one of them`);
    return undefined;
  }
  if (path === undefined) return own;
  try {
    const content = readSecretFile(path);
    if (content !== '') return content;
    faults.push(`${name}_FILE: the file ${path} is empty; write the value into it, or unset ${name}_FILE`);
    return undefined;
  } catch (error) {
    faults.push(
      `${name}_FILE: cannot read the file ${path} (${error instanceof Error ? error.message : String(error)})`,
    );
    return undefined;
  }
}

/**
 * Variables that start with MILLRACE_ and are none of ours are misspelt: nobody else would set them. An empty one counts as unset: the
 * kit of a later release passes its new settings on that way, and this one must run under it when somebody rolls back.
 */
function unknownNames(env: RawEnvironment): string[] {
  const known = new Set(Object.keys(variables).flatMap((name) => [name, `${name}_FILE`]));
  const foreign = new Set(['MILLRACE_CACHE']);
  const given = Object.keys(env).filter((name) => name.startsWith('MILLRACE_') && env[name] !== '');
  return given.filter((name) => !known.has(name) && !foreign.has(name));
}

export interface Inspected {
  /** Where a variable is at fault, its default stands in, so that the checks across variables can still be made. */
  readonly values: Environment;
  /** One line each, beginning with the name of the variable. */
  readonly faults: readonly string[];
  /** The variables that are at fault. */
  readonly faulty: ReadonlySet<VariableName>;
}

/** The environment, typed, with all that is wrong with single variables. */
export function inspectEnvironment(env: RawEnvironment): Inspected {
  const faults = unknownNames(env).map(
    (name) => `${name}: no such variable; docs/reference/environment.md lists them all`,
  );
  const faulty = new Set<VariableName>();
  const values: Partial<Record<VariableName, unknown>> = {};
  for (const name of Object.keys(variables) as VariableName[]) {
    const before = faults.length;
    const { type, default: initial } = variables[name];
    const given = givenValue(name, env, faults);
    const parsed = given === undefined ? undefined : type.safeParse(given);
    if (parsed?.success) values[name] = parsed.data;
    else if (initial !== undefined) values[name] = type.parse(initial);
    if (parsed?.error) faults.push(...parsed.error.issues.map((issue) => `${name}: ${issue.message}`));
    if (faults.length > before) faulty.add(name);
  }
  return { values: Object.freeze(values) as Environment, faults, faulty };
}

export function configError(faults: readonly string[]): StartError {
  return new StartError({
    code: 'config_invalid',
    message: `The configuration has ${faults.length} ${faults.length === 1 ? 'fault' : 'faults'}:\n${faults.map((fault) => `  ${fault}`).join('\n')}`,
    hint: 'docs/reference/environment.md explains every variable.',
  });
}
