/** A worker that has nothing to do, on servers of its own: what it holds in memory. */
import { spawn } from 'node:child_process';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { endProcess } from '../../test/harness/processes.ts';
import { redisServer } from '../../test/harness/redis.ts';
import { treeBytes } from './memory.ts';

const main = fileURLToPath(new URL('../../worker/main.ts', import.meta.url));
const readyTimeoutMs = 30_000;
/** What is only needed to start is collected by then. */
const settleMs = 8_000;
const betweenMs = 1_000;
const samples = 3;
const stopTimeoutMs = 20_000;

/** Resident bytes, three times a second apart, beginning some seconds after the worker was ready. */
export async function idleWorkerBytes(database: Readonly<Record<string, string>>): Promise<number[]> {
  await using redis = await redisServer.start();
  const child = spawn(process.execPath, ['--no-allocation-site-pretenuring', main], {
    env: {
      ...process.env,
      ...database,
      MODE: 'worker',
      HEALTH_PORT: '0',
      LOG_LEVEL: 'INFO',
      REDIS_HOST: redis.host,
      REDIS_PORT: String(redis.port),
      REDIS_PASSWORD: redis.password,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  try {
    await ready(child);
    await wait(settleMs);
    const bytes: number[] = [];
    while (bytes.length < samples) {
      bytes.push(treeBytes(child.pid ?? 0) ?? Number.NaN);
      await wait(betweenMs);
    }
    return bytes;
  } finally {
    await endProcess(child, 'SIGTERM', stopTimeoutMs);
  }
}

function ready(child: ReturnType<typeof spawn>): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  let output = '';
  const timer = setTimeout(() => reject(new Error(`the worker was not ready in time:\n${output}`)), readyTimeoutMs);
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (chunk: Buffer) => {
      output = (output + chunk.toString()).slice(-4_000);
      if (output.includes('"msg":"ready"')) resolve();
    });
  }
  child.once('exit', (code) => reject(new Error(`the worker ended with ${code}:\n${output}`)));
  return promise.finally(() => clearTimeout(timer));
}
