/** What an operator chose: the environment first, then `compose/.env`, which both doors read. */
import { existsSync, readFileSync } from 'node:fs';
import { posix } from 'node:path';
import { parseEnv } from 'node:util';
import { StartError } from '../worker/errors.ts';
import { type ExternalServers, externalServers } from './constructs/external-servers.ts';
import { type PassedOn, passedOn, type Values } from './passed-on.ts';

export interface Settings {
  readonly project: string;
  readonly images: {
    readonly worker: string;
    readonly squid: string;
    readonly redis: string;
    readonly postgres: string;
  };
  /** Those of the images that nobody named: built on this machine, and asked of no registry. */
  readonly builtHere: readonly string[];
  readonly tls: boolean;
  readonly pools: boolean;
  readonly apiPort: number;
  readonly apiAddress: string;
  readonly postgresMaxConnections: number;
  readonly proxyAllow: string;
  readonly keyFolder: string;
  /** How many at first, by service. */
  readonly replicas: Readonly<Record<string, number>>;
  /** An operator's own Redis and Postgres; undefined unless MILLRACE_TOPOLOGY is external. */
  readonly external: ExternalServers | undefined;
  /** Undefined unless MILLRACE_OBSERVABILITY is prometheus. */
  readonly prometheus: { readonly image: string; readonly port: number } | undefined;
  readonly limits: Readonly<Record<'api' | 'worker' | 'redis' | 'postgres', Limits>>;
  readonly passedOn: PassedOn;
  readonly dockerHost: string | undefined;
  readonly backend: Backend;
}

export interface Limits {
  readonly memoryMegabytes: number;
  readonly cpus: number;
}

/** Where Terraform keeps its state. */
export type Backend =
  | { readonly type: 'local'; readonly folder: string }
  | { readonly type: string; readonly configuration: Readonly<Record<string, unknown>> };

/** `compose/.env` as Docker's compose would read it, under what the environment says; an empty value is none. */
export function valuesOf(environment: Values, file: string): Values {
  // where the Engine is says the environment alone: the gates and Docker's own commands read it there
  const { DOCKER_HOST: _unread, ...written } = existsSync(file) ? parseEnv(readFileSync(file, 'utf8')) : {};
  const given = Object.entries({ ...written, ...environment }).filter(
    ([, value]) => value !== undefined && value !== '',
  );
  return Object.fromEntries(given);
}

function refuse(name: string, value: string | undefined, expected: string, cause?: unknown): StartError {
  return new StartError({
    code: 'stack_setting',
    message: `${name} is "${value ?? ''}"; expected ${expected}.`,
    hint: 'It comes from the environment or from compose/.env.',
    cause,
  });
}

function wholeNumber(values: Values, name: string, preset: number, [least, most]: readonly [number, number]): number {
  const value = values[name];
  if (value === undefined) return preset;
  const number = Number(value);
  if (/^\d+$/.test(value) && number >= least && number <= most) return number;
  throw refuse(name, value, `a whole number from ${least} to ${most}`);
}

function oneOf<T extends string>(values: Values, name: string, preset: T, others: readonly T[]): T {
  const allowed = [preset, ...others];
  const value = values[name] ?? preset;
  const found = allowed.find((one) => one === value);
  if (found !== undefined) return found;
  throw refuse(name, value, allowed.join(' or '));
}

function matching(values: Values, name: string, preset: string, pattern: RegExp, expected: string): string {
  const value = values[name] ?? preset;
  if (pattern.test(value)) return value;
  throw refuse(name, value, expected);
}

function backendOf(values: Values): Backend {
  const type = matching(
    values,
    'MILLRACE_STATE_BACKEND',
    'local',
    /^[a-z0-9]+$/,
    "the name of one of Terraform's backends",
  );
  const file = values.MILLRACE_STATE_CONFIGURATION;
  if (type === 'local') return { type, folder: values.MILLRACE_STATE_FOLDER ?? '.millrace/terraform' };
  if (file === undefined) return { type, configuration: {} };
  try {
    const configuration: Readonly<Record<string, unknown>> = JSON.parse(readFileSync(file, 'utf8'));
    return { type, configuration };
  } catch (cause) {
    const expected = "a file with a JSON object: the backend's settings, in which {stack} stands for the stack's name";
    throw refuse('MILLRACE_STATE_CONFIGURATION', file, expected, cause);
  }
}

/** As Docker's compose understands it: `512m`, `1g`. */
function megabytes(values: Values, name: string, preset: string): number {
  const value = matching(values, name, preset, /^[1-9]\d{0,6}[mMgG][bB]?$/, 'a size such as 512m or 2g');
  return Number.parseInt(value, 10) * (/g/i.test(value) ? 1024 : 1);
}

function limitsOf(values: Values, name: string, memory: string): Limits {
  const cpus = matching(values, `MILLRACE_${name}_CPUS`, '1.0', /^(?=.*[1-9])\d{1,3}(\.\d{1,3})?$/, 'a number above 0');
  return { memoryMegabytes: megabytes(values, `MILLRACE_${name}_MEMORY`, memory), cpus: Number(cpus) };
}

/** Relative to compose/, as compose takes it; gives it relative to the checkout. */
function keyFolderOf(values: Values): string {
  const folder = values.MILLRACE_KEY_FOLDER ?? '../.millrace';
  return posix.isAbsolute(folder) ? folder : posix.join('compose', folder);
}

/** Tags that tools/setup builds. */
const built = { MILLRACE_IMAGE: 'millrace/worker:local', MILLRACE_SQUID_IMAGE: 'millrace/squid:local' } as const;

/** @throws StartError `stack_setting`, naming the variable, what it holds and what was expected */
export function readSettings(values: Values): Settings {
  // taken for kept, it would be missed after a loss only
  if ((values.MILLRACE_WAL ?? 'none') !== 'none')
    throw refuse('MILLRACE_WAL', values.MILLRACE_WAL, 'none: compose archives the WAL, the stacks do not yet');
  const image = (name: string, preset: string) => matching(values, name, preset, /^\S+$/, 'an image reference');
  return {
    project: matching(
      values,
      'MILLRACE_PROJECT',
      'millrace',
      /^[a-z][a-z0-9-]{0,30}$/,
      'small letters, digits and hyphens, at most 31',
    ),
    images: {
      worker: image('MILLRACE_IMAGE', built.MILLRACE_IMAGE),
      squid: image('MILLRACE_SQUID_IMAGE', built.MILLRACE_SQUID_IMAGE),
      redis: image('REDIS_IMAGE', 'redis:8.0.3-bookworm'),
      postgres: image('POSTGRES_IMAGE', 'pgvector/pgvector:0.8.1-pg17'),
    },
    builtHere: Object.entries(built).flatMap(([name, tag]) => (values[name] === undefined ? [tag] : [])),
    tls: oneOf(values, 'MILLRACE_TLS', 'false', ['true']) === 'true',
    pools: oneOf(values, 'MILLRACE_POOLS', 'none', ['pools']) === 'pools',
    apiPort: wholeNumber(values, 'EXPOSE_API_PORT', 5001, [1, 65_535]),
    apiAddress: matching(values, 'EXPOSE_API_ADDRESS', '127.0.0.1', /^[\d.]+$/, 'an IPv4 address of this host'),
    postgresMaxConnections: wholeNumber(values, 'POSTGRES_MAX_CONNECTIONS', 400, [20, 10_000]),
    proxyAllow: values.MILLRACE_PROXY_ALLOW ?? '',
    keyFolder: keyFolderOf(values),
    replicas: {
      worker: wholeNumber(values, 'MILLRACE_WORKER_REPLICAS', 1, [1, 100]),
      worker_ingest: wholeNumber(values, 'MILLRACE_INGEST_REPLICAS', 1, [1, 100]),
      worker_background: wholeNumber(values, 'MILLRACE_BACKGROUND_REPLICAS', 1, [1, 100]),
      worker_ai: wholeNumber(values, 'MILLRACE_AI_REPLICAS', 1, [1, 100]),
    },
    external:
      oneOf(values, 'MILLRACE_TOPOLOGY', 'standalone', ['sentinel', 'cluster', 'external']) === 'external'
        ? externalServers(values)
        : undefined,
    prometheus:
      oneOf(values, 'MILLRACE_OBSERVABILITY', 'none', ['prometheus']) === 'prometheus'
        ? {
            image: image('PROMETHEUS_IMAGE', 'prom/prometheus:v3.5.0'),
            port: wholeNumber(values, 'EXPOSE_PROMETHEUS_PORT', 9090, [1, 65_535]),
          }
        : undefined,
    dockerHost: values.DOCKER_HOST,
    backend: backendOf(values),
    limits: {
      api: limitsOf(values, 'API', '1024m'),
      worker: limitsOf(values, 'WORKER', '1536m'),
      redis: limitsOf(values, 'REDIS', '512m'),
      postgres: limitsOf(values, 'POSTGRES', '1024m'),
    },
    passedOn: passedOn(values),
  };
}
