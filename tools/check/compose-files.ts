/** Lets `docker compose config` read every system that the compose files can make. */
import { spawnSync } from 'node:child_process';
import { notChecked } from './not-checked.ts';

const limitMs = 60_000;
const compose = (args: readonly string[], env: Readonly<Record<string, string>> = {}) =>
  spawnSync('docker', ['compose', ...args], {
    env: { ...process.env, ...env },
    encoding: 'utf8',
    timeout: limitMs,
  });

const presets = { MILLRACE_TOPOLOGY: 'standalone', MILLRACE_TLS: 'false', MILLRACE_POOLS: 'none' };
const theirs = { MILLRACE_TOPOLOGY: 'external', DB_HOST: 'db.example', REDIS_HOST: 'redis.example' };
/** What is chosen, and overlays. */
const systems: readonly (readonly [Readonly<Record<string, string>>, ...string[]])[] = [
  [{}],
  [{ MILLRACE_TOPOLOGY: 'sentinel', MILLRACE_TLS: 'true' }],
  [{ MILLRACE_TOPOLOGY: 'cluster', MILLRACE_POOLS: 'pools' }],
  [theirs],
  [{}, 'weaviate', 'observability', 'dev', 'wal-archive'],
];

if (compose(['version']).status !== 0) notChecked('docker knows no compose; tools/setup --for kit brings it');
for (const [chosen, ...overlays] of systems) {
  const files = ['compose.yaml', ...overlays.map((overlay) => `compose/${overlay}.yaml`)];
  const { status, stderr, error } = compose([...files.flatMap((file) => ['-f', file]), 'config', '--quiet'], {
    ...presets,
    ...chosen,
  });
  if (status === 0) continue;
  console.error(`${JSON.stringify(chosen)} ${overlays.join(' ')}: ${error?.message ?? ''}${stderr}`);
  process.exitCode = 1;
}
