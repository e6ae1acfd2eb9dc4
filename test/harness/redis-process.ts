/** One redis-server process on 127.0.0.1, a data server or a sentinel, with a folder of its own that goes when disposed. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { ConnectionOptions } from 'node:tls';
import { Redis } from 'ioredis';
import { endProcess, processLives } from './processes.ts';
import { pidFileName, redisFolder, removeRedisLeftovers } from './redis-leftovers.ts';

const startTimeoutMs = 15_000;
const stopTimeoutMs = 10_000;
/** Enough of the log to say why a start failed. */
const keptLogLines = 40;
/** Below what systems give to outgoing connections, so that nobody takes the port of a server that is down; room for bus ports. */
const ports = { from: 11_000, to: 21_000, busOffset: 10_000 } as const;
const portTries = 200;

export interface RedisProcess extends AsyncDisposable {
  readonly host: string;
  readonly port: number;
  readonly folder: string;
  /** Where its data lie, as this process can reach them: a disk of its own is mounted for the server alone. */
  readonly dataFolder: string;
  readonly pid: number;
  readonly running: boolean;
  /** Its newest log lines. */
  log(): string;
  /** SIGTERM: the server writes what it holds and ends. */
  stop(): Promise<void>;
  /** SIGKILL. */
  kill(): Promise<void>;
  /** SIGSTOP: its connections stay open and nothing answers. */
  freeze(): void;
  /** SIGCONT. */
  thaw(): void;
  /** Starts it again after `stop` or `kill`: same port, same settings, same data. */
  startAgain(): Promise<void>;
  /** Sends one command over a connection of its own. @throws when it is not answered within some seconds. */
  call(command: string, ...args: (string | number)[]): Promise<unknown>;
}

const living = new Set<() => void>();
// A test process that ends without disposing must not leave a server behind.
process.once('exit', () => {
  for (const kill of living) kill();
});

export interface RedisAccess {
  readonly password: string;
  readonly tls?: ConnectionOptions;
}

export interface RedisProcessOptions {
  readonly kind: 'server' | 'sentinel';
  /** A port of the caller's choice, from `redisPort`. */
  readonly port: number;
  /** Lines of redis.conf beside folder and pid file, which are set here. */
  readonly settings: readonly string[];
  /** How to reach it with a command: password, TLS. */
  readonly access: RedisAccess;
  /** Its data lie on a disk of this size, which is its own and gone with it. */
  readonly diskMib?: number | undefined;
}

/** Where a server with a disk of its own has it, within its folder. */
const diskName = 'disk';

export async function startRedisProcess({
  kind,
  port,
  settings,
  access,
  diskMib,
}: RedisProcessOptions): Promise<RedisProcess> {
  removeRedisLeftovers();
  const folder = redisFolder();
  const own = [
    'bind 127.0.0.1',
    'daemonize no',
    `dir ${diskMib === undefined ? folder : join(folder, diskName)}`,
    `pidfile ${join(folder, pidFileName)}`,
    // Keeps the folder's name on the command line, by which a leftover is known.
    'set-proc-title no',
  ];
  writeFileSync(join(folder, 'redis.conf'), `${[...own, ...settings].join('\n')}\n`, { mode: 0o600 });
  const log: string[] = [];
  let child = await spawnRedis({ folder, kind, diskMib }, log);
  const killNow = () => void child.kill('SIGKILL');
  living.add(killNow);
  const end = async (signal: NodeJS.Signals) => {
    // one that is frozen hears no SIGTERM
    child.kill('SIGCONT');
    await endProcess(child, signal, stopTimeoutMs);
  };
  return {
    host: '127.0.0.1',
    port,
    folder,
    get dataFolder() {
      return diskMib === undefined ? folder : join('/proc', String(child.pid), 'root', folder, diskName);
    },
    get pid() {
      return child.pid ?? 0;
    },
    get running() {
      return child.exitCode === null && child.signalCode === null && processLives(child.pid ?? 0);
    },
    log: () => log.join('\n'),
    stop: () => end('SIGTERM'),
    kill: () => endProcess(child, 'SIGKILL', stopTimeoutMs),
    freeze: () => void child.kill('SIGSTOP'),
    thaw: () => void child.kill('SIGCONT'),
    async startAgain() {
      await end('SIGTERM');
      child = await spawnRedis({ folder, kind, diskMib }, log);
    },
    call: (command, ...args) => callOnce({ ...access, host: '127.0.0.1', port }, command, args),
    async [Symbol.asyncDispose]() {
      await endProcess(child, 'SIGKILL', stopTimeoutMs);
      living.delete(killNow);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Settings of a data server: durable as the embedded default is, with a password. */
export const dataSettings = (password: string): readonly string[] => [
  `requirepass ${password}`,
  'save ""',
  'appendonly yes',
  'appendfsync everysec',
  'maxmemory-policy noeviction',
];

async function callOnce(
  server: RedisAccess & { readonly host: string; readonly port: number },
  command: string,
  args: (string | number)[],
): Promise<unknown> {
  const connection = new Redis({
    ...server,
    lazyConnect: true,
    retryStrategy: () => null,
    connectTimeout: 2000,
    commandTimeout: 5000,
    maxRetriesPerRequest: 0,
    enableReadyCheck: false,
  });
  connection.on('error', () => undefined);
  try {
    return await connection.call(command, ...args);
  } finally {
    connection.disconnect();
  }
}

/** Two ports that were free a moment ago: the server's and, above it by 10,000, its cluster bus's. */
export async function redisPort(): Promise<number> {
  for (let tries = 0; tries < portTries; tries += 1) {
    const port = ports.from + Math.floor(Math.random() * (ports.to - ports.from));
    if ((await isFree(port)) && (await isFree(port + ports.busOffset))) return port;
  }
  throw new Error(`no free port of 127.0.0.1 from ${ports.from} to ${ports.to} was found in ${portTries} tries`);
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  const listening = await new Promise<boolean>((resolve) => {
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => resolve(true));
  });
  if (!listening) return false;
  server.close();
  await once(server, 'close');
  return true;
}

/** A sentinel says its id once it is up, a data server that it takes connections: its data is loaded by then. */
const readyLine = { server: 'Ready to accept connections', sentinel: 'Sentinel ID is' } as const;

/** The command that runs redis-server with a small disk that nobody else sees: a mount in a namespace of its own. */
function onDisk(folder: string, mib: number, command: readonly string[]): readonly string[] {
  // who is not root may mount in a namespace of users of its own
  const spaces = process.getuid?.() === 0 ? ['--mount'] : ['--mount', '--map-root-user'];
  const mount = `mkdir -p "$0" && mount -t tmpfs -o size=${mib}m none "$0" && exec "$@"`;
  return ['unshare', ...spaces, 'sh', '-c', mount, join(folder, diskName), ...command];
}

async function spawnRedis(
  { folder, kind, diskMib }: Pick<RedisProcessOptions, 'kind' | 'diskMib'> & { readonly folder: string },
  log: string[],
): Promise<ChildProcess> {
  const plain = ['redis-server', join(folder, 'redis.conf'), ...(kind === 'sentinel' ? ['--sentinel'] : [])];
  const [program = '', ...args] = diskMib === undefined ? plain : onDisk(folder, diskMib, plain);
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  const { promise: ready, resolve, reject } = Promise.withResolvers<void>();
  for (const stream of [child.stdout, child.stderr]) {
    // Read to the end, also after the start: a full pipe would block the server.
    createInterface({ input: stream }).on('line', (line) => {
      log.push(line);
      if (log.length > keptLogLines) log.shift();
      if (line.includes(readyLine[kind])) resolve();
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
