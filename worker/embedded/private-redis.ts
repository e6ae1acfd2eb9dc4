/** The private Redis of the embedded default: a child process on its own port of 127.0.0.1, with its own folder and password. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, realpath, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { StartError } from '../errors.ts';
import type { Logger } from '../telemetry/logger.ts';
import { keptSecret } from './data-folder.ts';

export interface PrivateRedis {
  readonly host: string;
  readonly port: number;
  readonly password: string;
  readonly pid: number | undefined;
  stop(): Promise<void>;
}

const host = '127.0.0.1';
const readyTimeoutMs = 10_000;
const pollMs = 25;
const stopTimeoutMs = 5000;
const restartDelayMs = 500;
/** Kept for the message when Redis does not start. */
const maxOutputChars = 4000;

/**
 * Starts Redis in `folder` and keeps it running. A Redis that a killed Millrace left behind is ended first: it wrote
 * its log as it went, so nothing is lost.
 * @throws StartError `redis_missing`, `redis_not_started`
 */
export async function startPrivateRedis(folder: string, log: Logger): Promise<PrivateRedis> {
  const { secret: password } = await keptSecret(join(folder, 'password'));
  const portFile = join(folder, 'port');
  const former = Number(await readFile(portFile, 'utf8').catch(() => '0')) || 0;
  if (former !== 0) await endFormer(folder, former, password, log);
  const port = await freePort(former);
  const conf = join(folder, 'redis.conf');
  await writeFile(conf, configuration(folder, port, password), { mode: 0o600 });
  await writeFile(portFile, `${port}\n`, { mode: 0o600 });

  const stopping = new AbortController();
  let child = await launch(conf, port, password);
  /** Settled while Redis runs. */
  let restarted: Promise<void> = Promise.resolve();
  const restart = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      await wait(restartDelayMs, undefined, { signal: stopping.signal }).catch(() => undefined);
      if (stopping.signal.aborted) return;
      try {
        child = await launch(conf, port, password);
        keepRunning(child);
        return;
      } catch (error) {
        log.error({ err: error }, 'the private redis did not start');
      }
    }
  };
  const keepRunning = (running: ChildProcess) =>
    running.once('exit', (code, signal) => {
      if (stopping.signal.aborted) return;
      log.error({ code, signal }, 'the private redis ended; starting it again');
      restarted = restart();
    });
  keepRunning(child);
  // who ends without `stop` (a second signal) leaves none behind; Redis writes its log before it goes
  const endWithProcess = () => child.kill('SIGTERM');
  process.once('exit', endWithProcess);

  return {
    host,
    port,
    password,
    get pid() {
      return child.pid;
    },
    async stop() {
      stopping.abort();
      process.off('exit', endWithProcess);
      // one that is on its way would outlive this process: it is ended once it is there
      await restarted;
      if (child.exitCode !== null || child.signalCode !== null) return;
      const ended = once(child, 'exit');
      child.kill('SIGTERM');
      const kill = setTimeout(() => child.kill('SIGKILL'), stopTimeoutMs);
      await ended;
      clearTimeout(kill);
    },
  };
}

function configuration(folder: string, port: number, password: string): string {
  const quoted = (value: string) => `"${value.replace(/[\\"]/g, '\\$&')}"`;
  return [
    `bind ${host}`,
    `port ${port}`,
    `dir ${quoted(folder)}`,
    `requirepass ${quoted(password)}`,
    'daemonize no',
    'save ""',
    'appendonly yes',
    'appendfsync everysec',
    // a log cut short by a kill is loaded up to there
    'aof-load-truncated yes',
    // queues must never lose keys to make room
    'maxmemory-policy noeviction',
    '',
  ].join('\n');
}

async function launch(conf: string, port: number, password: string): Promise<ChildProcess> {
  // a process group of its own: Ctrl-C in the terminal reaches Millrace only, which stops Redis last
  const child = spawn('redis-server', [conf], { stdio: ['ignore', 'pipe', 'pipe'], detached: true });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      output = (output + chunk.toString()).slice(-maxOutputChars);
    });
  }
  const failed = new Promise<never>((_resolve, reject) => {
    child.once('error', (cause) => reject(missingServer(cause)));
    child.once('exit', (code) => reject(notStarted(`it ended with exit code ${code}`, output)));
  });
  failed.catch(() => undefined);
  const deadline = Date.now() + readyTimeoutMs;
  while (!(await Promise.race([ping(port, password), failed]))) {
    if (Date.now() > deadline) {
      child.kill('SIGKILL');
      throw notStarted(`it did not answer within ${readyTimeoutMs / 1000} s`, output);
    }
    await Promise.race([wait(pollMs), failed]);
  }
  return child;
}

const missingServer = (cause: Error) =>
  new StartError({
    code: 'redis_missing',
    message: 'There is no redis-server on the PATH.',
    hint: 'Run tools/setup, install the package redis-server (Debian) or redis (Homebrew), or set REDIS_HOST to use a server of yours.',
    cause,
  });

const notStarted = (why: string, output: string) =>
  new StartError({
    code: 'redis_not_started',
    message: `The private Redis did not start: ${why}. It last said:\n${output.trimEnd()}`,
    hint: 'If its files are damaged, move the folder redis out of the data folder: tasks are kept in the database and handed over again.',
  });

/** A connection that tries once and never again. */
const probe = (port: number, password: string) => {
  const connection = new Redis({
    host,
    port,
    password,
    lazyConnect: true,
    retryStrategy: () => null,
    connectTimeout: 1000,
    commandTimeout: 2000,
  });
  connection.on('error', () => undefined);
  return connection;
};

async function ping(port: number, password: string): Promise<boolean> {
  const connection = probe(port, password);
  try {
    await connection.connect();
    return (await connection.ping()) === 'PONG';
  } catch {
    return false;
  } finally {
    connection.disconnect();
  }
}

/**
 * Ends the Redis that a killed Millrace left on `port`. It is ours when it takes our password and works in our folder: a copy of
 * a data folder has the password too.
 */
async function endFormer(folder: string, port: number, password: string, log: Logger): Promise<void> {
  const connection = probe(port, password);
  try {
    await connection.connect();
    const [, workingFolder] = (await connection.config('GET', 'dir')) as [string, string];
    if (workingFolder !== (await realpath(folder))) return;
    log.info({ port }, 'ending the redis that a former run left behind');
    await connection.shutdown().catch(() => undefined);
  } catch {
    // nobody there, or somebody else's
    return;
  } finally {
    connection.disconnect();
  }
  const deadline = Date.now() + stopTimeoutMs;
  while (await ping(port, password)) {
    if (Date.now() > deadline) {
      throw new StartError({
        code: 'redis_left_behind',
        message: `The Redis that a former run left on port ${port} does not end.`,
        hint: 'End that redis-server by hand, then start again.',
      });
    }
    await wait(pollMs);
  }
}

/** `wanted` when it is free, else any free port. */
async function freePort(wanted: number): Promise<number> {
  for (const port of wanted === 0 ? [0] : [wanted, 0]) {
    const server = createServer();
    const listening = await new Promise<boolean>((resolve) => {
      server.once('error', () => resolve(false));
      server.listen(port, host, () => resolve(true));
    });
    if (!listening) continue;
    const address = server.address();
    await new Promise((resolve) => server.close(resolve));
    if (typeof address === 'object' && address !== null) return address.port;
  }
  throw notStarted('no port of 127.0.0.1 is free', '');
}
