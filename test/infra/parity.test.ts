import { describe, expect, it } from 'vitest';
import { composeSystem } from './parity/compose-side.ts';
import type { Chosen, Shape, System } from './parity/shape.ts';
import { stackSystem } from './parity/stack-side.ts';

/** What differs on purpose: `service.field`, and why. Nothing else may. */
const waitsForWorker =
  'In pools, `extends` cannot know the Redis of the topology: a pool waits for `worker`, which does. The stacks name Redis itself.';
const differences: Readonly<Record<string, string>> = {
  'worker_ai.needs': waitsForWorker,
  'worker_background.needs': waitsForWorker,
  'worker_ingest.needs': waitsForWorker,
};

/** Fields that differ and must not, as `service.field: compose … stacks …`. */
const fieldOf = (line: string) => line.split(':')[0] ?? '';
const undue = (compose: System, stacks: System): string[] =>
  compared(compose, stacks).filter((line) => !(fieldOf(line) in differences));

function compared(compose: System, stacks: System): string[] {
  const names = [...new Set([...compose.keys(), ...stacks.keys()])].sort();
  return names.flatMap((name) => {
    const [one, other] = [compose.get(name), stacks.get(name)];
    if (one === undefined || other === undefined)
      return [`${name} stands in ${one === undefined ? 'the stacks' : 'compose'} only`];
    return (Object.keys(one) as (keyof Shape)[]).flatMap((field) => {
      const [left, right] = [ordered(one[field]), ordered(other[field])];
      if (left === right) return [];
      return [`${name}.${field}:\n  compose ${left}\n  stacks  ${right}`];
    });
  });
}

/** JSON with its keys in order. */
function ordered(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) =>
    inner !== null && typeof inner === 'object' && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );
}

/** Each setting another value than its default, so that both doors must pass it on. */
const everything: Chosen = {
  LOG_LEVEL: 'debug',
  MILLRACE_SAMPLE_TASKS: 'true',
  MILLRACE_MAX_WORKERS: '4',
  SQLALCHEMY_POOL_SIZE: '7',
  MILLRACE_WINDOW: '100',
  OPENAI_API_KEY: 'a-key',
  MILLRACE_EMBEDDING_MODEL: 'a-model',
  OPENDAL_SCHEME: 's3',
  UPLOAD_FILE_SIZE_LIMIT: '50',
  CELERY_QUEUES: 'mail,dataset',
  QUEUE_MONITOR_INTERVAL: '5',
  EXPOSE_API_PORT: '5999',
  POSTGRES_MAX_CONNECTIONS: '300',
  MILLRACE_PROXY_ALLOW: 'smtp.internal',
  MILLRACE_API_MEMORY: '2g',
  MILLRACE_WORKER_CPUS: '2.5',
  MILLRACE_REDIS_MEMORY: '768m',
  MILLRACE_KEY_FOLDER: '../.keys',
  REDIS_IMAGE: 'redis:8.0.4',
};

describe.each(['standalone', 'sentinel', 'cluster'])('the system %s', (topology) => {
  it.each<[string, Chosen]>([
    ['with no settings', {}],
    ['with every kind of setting', everything],
    ['with TLS', { MILLRACE_TLS: 'true' }],
    ['in pools', { MILLRACE_POOLS: 'pools', CELERY_QUEUES: 'mail' }],
  ])('should be the same by compose and by the stacks %s', async (_what, chosen) => {
    const [compose, stacks] = await Promise.all([
      composeSystem({ MILLRACE_TOPOLOGY: topology, ...chosen }),
      stackSystem(topology, chosen),
    ]);
    expect(compose.size).toBeGreaterThan(8);
    expect(undue(compose, stacks).join('\n')).toBe('');
  });
});

describe("an operator's own servers", () => {
  it.each<[string, Chosen]>([
    ['one Redis', { REDIS_HOST: 'redis.internal', REDIS_USERNAME: 'queues' }],
    ['TLS to Postgres', { REDIS_HOST: 'redis.internal', MILLRACE_DB_SSL_MODE: 'verify-full' }],
    ['sentinels', { REDIS_USE_SENTINEL: 'true', REDIS_SENTINELS: 'one:26379,two:26379', MILLRACE_TLS: 'true' }],
  ])('should be reached in the same way by compose and by the stack external: %s', async (_what, where) => {
    const chosen = { MILLRACE_TOPOLOGY: 'external', DB_HOST: 'db.internal', DB_USERNAME: 'owner', ...where };
    const [compose, stacks] = await Promise.all([composeSystem(chosen), stackSystem('external', chosen)]);
    expect([...stacks.keys()]).toContain('doctor');
    expect(undue(compose, stacks).join('\n')).toBe('');
  });
});

describe('Prometheus', () => {
  it('should be the same as an overlay of compose and by the setting of the stacks', async () => {
    const [compose, stacks] = await Promise.all([
      composeSystem({}, ['compose.yaml', 'compose/observability.yaml']),
      stackSystem('standalone', { MILLRACE_OBSERVABILITY: 'prometheus' }),
    ]);
    expect(undue(compose, stacks).join('\n')).toBe('');
  });
});

describe('what differs on purpose', () => {
  it('should still differ', async () => {
    const chosen = { MILLRACE_POOLS: 'pools' };
    const [compose, stacks] = await Promise.all([
      composeSystem({ MILLRACE_TOPOLOGY: 'cluster', ...chosen }),
      stackSystem('cluster', chosen),
    ]);
    expect(compared(compose, stacks).map(fieldOf).sort()).toEqual(Object.keys(differences).sort());
  });
});

describe('the comparison', () => {
  it('should name what differs', async () => {
    const [compose, stacks] = await Promise.all([
      composeSystem({ MILLRACE_TOPOLOGY: 'standalone', LOG_LEVEL: 'debug' }),
      stackSystem('standalone', { LOG_LEVEL: 'warn' }),
    ]);
    expect(compared(compose, stacks).join('\n')).toMatch(
      /worker\.environment:\n {2}compose .*debug.*\n {2}stacks {2}.*warn/,
    );
  });
});
