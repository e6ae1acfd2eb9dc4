import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { GenericContainer, getContainerRuntimeClient } from 'testcontainers';
import type { DatabaseAddress } from './database-address.ts';
import { imageFor } from './docker-images.ts';
import { ownerLabels, removeDockerLeftovers } from './docker-leftovers.ts';
import { freePort } from './processes.ts';

const startTimeoutMs = 60_000;
const stopTimeoutMs = 10_000;
const connectTimeoutMs = 2_000;
const retryMs = 50;
const user = 'millrace';
const maintenanceDatabase = 'postgres';

export interface PostgresOptions {
  /** Server settings, as `-c name=value`. */
  readonly settings?: Readonly<Record<string, string>>;
}

/** A database of its own for one suite, dropped when disposed. */
export interface SuiteDatabase extends AsyncDisposable {
  readonly name: string;
  /** postgres://user:password@host:port/name */
  readonly url: string;
  readonly address: DatabaseAddress;
}

export interface RunningPostgres extends AsyncDisposable {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  /** An empty database; extensions are not created in it. */
  createDatabase(): Promise<SuiteDatabase>;
  /** A fast shutdown: clients are cut, what is committed is written. */
  stop(): Promise<void>;
  /** SIGQUIT, as `pg_ctl stop -m immediate`: every session is cut at once, and the next start recovers. */
  stopAtOnce(): Promise<void>;
  /** SIGKILL of the whole server. */
  kill(): Promise<void>;
  /** Starts it again after `stop` or `kill`, same port, same data; returns once it answers queries. */
  startAgain(): Promise<void>;
}

/** Postgres 17 with pgvector in a container, from `POSTGRES_IMAGE` (see docker-images.ts). */
export const postgresServer = {
  description: 'Postgres 17 with pgvector in a container',

  async start({ settings = {} }: PostgresOptions = {}): Promise<RunningPostgres> {
    const image = imageFor('POSTGRES_IMAGE');
    await dockerAnswers();
    await removeDockerLeftovers();
    const password = randomBytes(18).toString('hex');
    const container = await new GenericContainer(image)
      .withEnvironment({ POSTGRES_USER: user, POSTGRES_PASSWORD: password, POSTGRES_DB: maintenanceDatabase })
      // A port chosen here stays the same when the container starts again; one that Docker chooses does not.
      .withExposedPorts({ container: 5432, host: await freePort() })
      .withLabels(ownerLabels())
      .withSharedMemorySize(256 * 1024 * 1024)
      .withCommand(['postgres', ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])])
      .withStartupTimeout(startTimeoutMs)
      .start();
    const host = container.getHost();
    const port = container.getMappedPort(5432);
    const urlOf = (name: string) => `postgres://${user}:${password}@${host}:${port}/${name}`;
    const { container: client } = await getContainerRuntimeClient();
    const handle = client.getById(container.getId());
    await answersQueries(urlOf(maintenanceDatabase));

    return {
      host,
      port,
      user,
      password,
      async createDatabase() {
        const name = `suite_${randomBytes(6).toString('hex')}`;
        await runOnce(urlOf(maintenanceDatabase), `CREATE DATABASE ${name}`);
        return {
          name,
          url: urlOf(name),
          address: { host, port, user, password, database: name },
          [Symbol.asyncDispose]: () =>
            runOnce(urlOf(maintenanceDatabase), `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`),
        };
      },
      async stop() {
        await handle.stop({ t: stopTimeoutMs / 1000 });
      },
      async stopAtOnce() {
        await handle.kill({ signal: 'SIGQUIT' });
        await handle.wait();
      },
      async kill() {
        await handle.kill({ signal: 'SIGKILL' });
        await handle.wait();
      },
      async startAgain() {
        await handle.start();
        await answersQueries(urlOf(maintenanceDatabase));
      },
      async [Symbol.asyncDispose]() {
        await handle.remove({ force: true, v: true });
      },
    };
  },
};

/** Says in one sentence that Docker is missing, instead of testcontainers' search through its strategies. */
async function dockerAnswers(): Promise<void> {
  try {
    await getContainerRuntimeClient();
  } catch (cause) {
    throw new Error('Tests on Postgres need Docker Engine and none answers; run tools/setup --for test', { cause });
  }
}

async function runOnce(url: string, sql: string): Promise<void> {
  const client = new pg.Client({
    connectionString: url,
    connectionTimeoutMillis: connectTimeoutMs,
    query_timeout: 30_000,
  });
  // A server that is killed in the middle also raises this event; the promise carries the same error.
  client.on('error', () => undefined);
  try {
    await client.connect();
    await client.query(sql);
  } finally {
    await client.end().catch(() => undefined);
  }
}

/** Postgres has no event for "recovered": the port opens before it serves, so it is asked until it answers. */
async function answersQueries(url: string): Promise<void> {
  const deadline = Date.now() + startTimeoutMs;
  for (;;) {
    try {
      await runOnce(url, 'SELECT 1');
      return;
    } catch (cause) {
      if (Date.now() > deadline) throw new Error(`Postgres did not answer within ${startTimeoutMs} ms`, { cause });
      await new Promise((resolve) => setTimeout(resolve, retryMs));
    }
  }
}
