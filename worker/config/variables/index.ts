/**
 * Every environment variable there is, in groups, one a file. Names that Dify has keep Dify's name and meaning; new ones start with
 * MILLRACE_. `docs/reference/environment.md` is generated from this folder.
 */
import { access } from './access.ts';
import { beat } from './beat.ts';
import { database } from './database.ts';
import { indexing } from './indexing.ts';
import { process } from './process.ts';
import { redis } from './redis.ts';
import { storage } from './storage.ts';
import { telemetry } from './telemetry.ts';
import { worker } from './worker.ts';

export const variableGroups = {
  Process: process,
  'Access and API': access,
  Worker: worker,
  Beat: beat,
  Redis: redis,
  Database: database,
  Storage: storage,
  Indexing: indexing,
  Telemetry: telemetry,
} as const;

export const variables = {
  ...process,
  ...access,
  ...worker,
  ...beat,
  ...redis,
  ...database,
  ...storage,
  ...indexing,
  ...telemetry,
} as const;

export type VariableName = keyof typeof variables;

export function isVariable(name: string): name is VariableName {
  return Object.hasOwn(variables, name);
}
