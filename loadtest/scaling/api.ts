/** What the scaling test asks of the API itself. */
import { readFile } from 'node:fs/promises';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { MillraceError } from '../../worker/errors.ts';
import { keyPaths } from '../key-paths.ts';
import { readSettings } from '../settings.ts';

export interface Worker {
  readonly id: string;
  readonly queues: readonly string[];
  readonly slots: { readonly capacity: number };
}

export interface Installation {
  readonly url: string;
  readonly key: string;
  /** Live worker processes that take the sample tasks. */
  workers(): Promise<readonly Worker[]>;
  /**
   * Waits until there are exactly so many. What scales may start the API anew: for as long it may be away.
   * @throws MillraceError `workers_missing`, `api_unreachable`, `api_refused`; the reason of `signal`
   */
  untilWorkers(count: number, signal?: AbortSignal): Promise<readonly Worker[]>;
}

const checkoutKey = fileURLToPath(new URL('../../.millrace/api-key', import.meta.url));
const queue = 'fast_tasks';
const callMs = 10_000;
const pollMs = 500;
/** A worker that was killed counts as alive for some heartbeats more. */
const workersMs = 120_000;

type Environment = Readonly<Record<string, string | undefined>>;

/** @throws MillraceError `api_key_missing`, `settings_invalid` */
export async function findInstallation(env: Environment): Promise<Installation> {
  const { settings, faults } = readSettings(env);
  if (faults.length > 0) throw new MillraceError({ code: 'settings_invalid', message: faults.join(' ') });
  const { url } = settings;
  const key = await findKey(env, url);
  const workers = () => liveWorkers(url, key);
  return {
    url,
    key,
    workers,
    async untilWorkers(count, signal) {
      const deadline = Date.now() + workersMs;
      for (;;) {
        signal?.throwIfAborted();
        const late = Date.now() > deadline;
        const live = await workers().catch((error: unknown) => {
          if (!late && error instanceof MillraceError && error.code === 'api_unreachable') return undefined;
          throw error;
        });
        if (live?.length === count) return live;
        if (live && late) {
          throw new MillraceError({
            code: 'workers_missing',
            message: `Expected ${count} live workers that take ${queue} within ${workersMs / 1000} s, instead ${url} knows ${live.length}.`,
            hint: 'GET /v1/workers lists them; the log of one that is missing says why.',
          });
        }
        await wait(pollMs);
      }
    },
  };
}

async function findKey(env: Environment, url: string): Promise<string> {
  const own = env.MILLRACE_API_KEY?.trim();
  if (own) return own;
  const looked = ['MILLRACE_API_KEY'];
  for (const path of keyPaths(env, process.cwd(), checkoutKey)) {
    const key = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => error);
    if (typeof key === 'string' && key.trim() !== '') return key.trim();
    looked.push(`${path} (${typeof key === 'string' ? 'empty' : (key.code ?? key.message)})`);
  }
  throw new MillraceError({
    code: 'api_key_missing',
    message: `There is no API key for ${url}. Looked for: ${looked.join(', ')}.`,
    hint: 'Set MILLRACE_API_KEY or MILLRACE_API_KEY_FILE, or start Millrace first, which writes one.',
  });
}

async function liveWorkers(url: string, key: string): Promise<readonly Worker[]> {
  const response = await fetch(`${url}/v1/workers`, {
    headers: { authorization: `Bearer ${key}` },
    signal: AbortSignal.timeout(callMs),
  }).catch((cause: unknown) => {
    throw new MillraceError({
      code: 'api_unreachable',
      message: `Nothing answers at ${url}`,
      hint: 'Start Millrace, or say where it is with MILLRACE_URL.',
      cause,
    });
  });
  if (!response.ok) {
    throw new MillraceError({
      code: 'api_refused',
      message: `GET ${url}/v1/workers expected 200, instead got ${response.status}: ${(await response.text()).slice(0, 300)}`,
      hint: response.status === 401 ? 'Set MILLRACE_API_KEY to a key of that installation.' : 'Its log says why.',
    });
  }
  const { workers } = (await response.json()) as { workers: readonly Worker[] };
  return workers.filter(({ queues }) => queues.includes(queue));
}
