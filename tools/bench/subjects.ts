/** The Millraces that the pipeline is measured on: the real thing, started as a person starts it. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { RunningPostgres } from '../../test/harness/postgres.ts';
import { startEmbedded } from '../../worker/cli/embedded-process.ts';
import type { Endpoint } from './endpoint.ts';
import { type Indexed, index, type Load } from './indexed.ts';
import { MemoryWatch } from './memory.ts';

export interface Millrace extends AsyncDisposable {
  readonly name: string;
  /** Indexes a load in a dataset of its own. */
  index(load: readonly Load[]): Promise<Indexed>;
  /** The most that the process and its children had resident since the start, in bytes; 0 when unknown. */
  readonly peakBytes: number;
}

export async function startMillrace(name: string, env: Readonly<Record<string, string>>): Promise<Millrace> {
  const home = await mkdtemp(join(tmpdir(), 'millrace-bench-home-'));
  const remove = () => rm(home, { recursive: true, force: true });
  const running = await startEmbedded(home, { LOG_LEVEL: 'WARNING', ...env }).catch(async (error: unknown) => {
    await remove();
    throw error;
  });
  const watch = new MemoryWatch(running.child.pid ?? 0);
  let loads = 0;
  return {
    name,
    get peakBytes() {
      return watch.peakBytes;
    },
    async index(load) {
      loads += 1;
      try {
        return await index(running.url, running.apiKey, `load ${loads}`, load);
      } catch (cause) {
        throw new Error(`${name} failed; it printed:\n${running.output().slice(-4_000)}`, { cause });
      }
    },
    async [Symbol.asyncDispose]() {
      watch[Symbol.dispose]();
      await running.stop();
      await remove();
    },
  };
}

export function endpointSettings({ baseUrl, dimensions }: Endpoint): Record<string, string> {
  return {
    MILLRACE_EMBEDDING_PROVIDER: 'openai_compatible',
    MILLRACE_EMBEDDING_BASE_URL: baseUrl,
    MILLRACE_EMBEDDING_MODEL: 'answers-at-once',
    MILLRACE_EMBEDDING_DIMENSIONS: String(dimensions),
  };
}

/** A new database on the server, as the environment names it. */
export async function databaseSettings(server: RunningPostgres): Promise<Record<string, string>> {
  const database = await server.createDatabase();
  return {
    DB_HOST: server.host,
    DB_PORT: String(server.port),
    DB_USERNAME: server.user,
    DB_PASSWORD: server.password,
    DB_DATABASE: database.name,
  };
}
