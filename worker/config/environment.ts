/** Reads the environment against the variables there are: `NAME`, else the file at `NAME_FILE`, else the default. */
import { readFileSync } from 'node:fs';
import type { z } from 'zod';
import { StartError } from '../errors.ts';
import { type VariableName, variables } from './variables.ts';

export type Environment = Readonly<{ [N in VariableName]: z.output<(typeof variables)[N]['type']> }>;
export type RawEnvironment = Readonly<Record<string, string | undefined>>;

/** Secret files hold one line; a trailing newline is the editor's, not the secret's. */
const readSecretFile = (path: string) => readFileSync(path, 'utf8').replace(/\r?\n$/, '');

function rawValue(name: VariableName, env: RawEnvironment, faults: string[]): string | undefined {
  const own = env[name] === '' ? undefined : env[name];
  const path = env[`${name}_FILE`] === '' ? undefined : env[`${name}_FILE`];
  if (own !== undefined && path !== undefined) {
    faults.push(`${name}: both ${name} and ${name}_FILE are set; keep one of them`);
    return undefined;
  }
  if (path === undefined) return own ?? variables[name].default;
  try {
    return readSecretFile(path);
  } catch (error) {
    faults.push(
      `${name}_FILE: cannot read the file ${path} (${error instanceof Error ? error.message : String(error)})`,
    );
    return undefined;
  }
}

/** Variables that start with MILLRACE_ and are none of ours are misspelt: nobody else would set them. */
function unknownNames(env: RawEnvironment): string[] {
  const known = new Set(Object.keys(variables).flatMap((name) => [name, `${name}_FILE`]));
  const foreign = new Set(['MILLRACE_CACHE']);
  return Object.keys(env).filter((name) => name.startsWith('MILLRACE_') && !known.has(name) && !foreign.has(name));
}

/**
 * The environment, typed.
 * @throws StartError `config_invalid` that lists every fault at once, each naming its variable.
 */
export function readEnvironment(env: RawEnvironment): Environment {
  const faults = unknownNames(env).map(
    (name) => `${name}: no such variable; docs/reference/environment.md lists them all`,
  );
  const values: Partial<Record<VariableName, unknown>> = {};
  for (const name of Object.keys(variables) as VariableName[]) {
    const raw = rawValue(name, env, faults);
    if (raw === undefined) continue;
    const parsed = variables[name].type.safeParse(raw);
    if (parsed.success) values[name] = parsed.data;
    else faults.push(...parsed.error.issues.map((issue) => `${name}: ${issue.message}`));
  }
  if (faults.length > 0) throw configError(faults);
  return Object.freeze(values) as Environment;
}

export function configError(faults: readonly string[]): StartError {
  return new StartError({
    code: 'config_invalid',
    message: `The configuration has ${faults.length} ${faults.length === 1 ? 'fault' : 'faults'}:\n${faults.map((fault) => `  ${fault}`).join('\n')}`,
    hint: 'docs/reference/environment.md explains every variable.',
  });
}
