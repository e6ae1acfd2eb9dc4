import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { endProcess, freePort } from './processes.ts';
import { pidFileName, redisFolder, removeRedisLeftovers } from './redis-leftovers.ts';

const startTimeoutMs = 15_000;
const stopTimeoutMs = 10_000;
/** Enough of the log to say why a start failed. */
const keptLogLines = 40;

export interface RedisOptions {
  /** Lines of redis.conf beyond the harness's own, by name; an own one can be overridden. */
  readonly settings?: Readonly<Record<string, string>>;
}

export interface RunningRedis extends AsyncDisposable {
  readonly host: string;
  readonly port: number;
  readonly password: string;
  /** redis://:password@host:port */
  readonly url: string;
  /** SIGTERM: the server writes what it holds and ends. */
  stop(): Promise<void>;
  /** SIGKILL. */
  kill(): Promise<void>;
  /** Starts it again after `stop` or `kill`: same port, same password, same data. */
  startAgain(): Promise<void>;
}

/** A real redis-server as a process on 127.0.0.1, with AOF, a password and a folder of its own that goes when disposed. */
export const redisServer = {
  description: 'redis-server process on a free port',

  async start({ settings = {} }: RedisOptions = {}): Promise<RunningRedis> {
    removeRedisLeftovers();
    const folder = redisFolder();
    const password = randomBytes(18).toString('hex');
    const port = await freePort();
    writeConfig(folder, { ...ownSettings({ folder, port, password }), ...settings });

    let child = await spawnRedis(folder);
    // A test process that ends without disposing must not leave a server behind.
    const killNow = () => child.kill('SIGKILL');
    process.once('exit', killNow);

    return {
      host: '127.0.0.1',
      port,
      password,
      url: `redis://:${password}@127.0.0.1:${port}`,
      stop: () => endProcess(child, 'SIGTERM', stopTimeoutMs),
      kill: () => endProcess(child, 'SIGKILL', stopTimeoutMs),
      async startAgain() {
        await endProcess(child, 'SIGTERM', stopTimeoutMs);
        child = await spawnRedis(folder);
      },
      async [Symbol.asyncDispose]() {
        await endProcess(child, 'SIGKILL', stopTimeoutMs);
        process.removeListener('exit', killNow);
        rmSync(folder, { recursive: true, force: true });
      },
    };
  },
};

function ownSettings({ folder, port, password }: { folder: string; port: number; password: string }) {
  return {
    bind: '127.0.0.1',
    port: String(port),
    requirepass: password,
    dir: folder,
    pidfile: join(folder, pidFileName),
    daemonize: 'no',
    save: '""',
    appendonly: 'yes',
    appendfsync: 'everysec',
    'maxmemory-policy': 'noeviction',
    // Keeps the folder's name on the command line, by which a leftover is known.
    'set-proc-title': 'no',
  };
}

function writeConfig(folder: string, settings: Readonly<Record<string, string>>): void {
  const lines = Object.entries(settings).map(([name, value]) => `${name} ${value}`);
  writeFileSync(join(folder, 'redis.conf'), `${lines.join('\n')}\n`, { mode: 0o600 });
}

/** Starts the server and waits until it says that it is ready: its data is loaded and the port is open. */
async function spawnRedis(folder: string): Promise<ChildProcess> {
  const child = spawn('redis-server', [join(folder, 'redis.conf')], { stdio: ['ignore', 'pipe', 'pipe'] });
  const log: string[] = [];
  const { promise: ready, resolve, reject } = Promise.withResolvers<void>();
  for (const stream of [child.stdout, child.stderr]) {
    // Read to the end, also after the start: a full pipe would block the server.
    createInterface({ input: stream }).on('line', (line) => {
      log.push(line);
      if (log.length > keptLogLines) log.shift();
      if (line.includes('Ready to accept connections')) resolve();
    });
  }
  child.once('error', (cause) => reject(new Error('redis-server did not start; run tools/setup', { cause })));
  child.once('exit', (code) => reject(new Error(`redis-server ended with ${code}:\n${log.join('\n')}`)));
  const timer = setTimeout(
    () => reject(new Error(`redis-server was not ready within ${startTimeoutMs} ms:\n${log.join('\n')}`)),
    startTimeoutMs,
  );
  try {
    await ready;
  } catch (error) {
    child.kill('SIGKILL');
    throw error;
  } finally {
    clearTimeout(timer);
  }
  return child;
}
