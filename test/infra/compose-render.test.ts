import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseEnv } from 'node:util';
import { describe, expect, it } from 'vitest';
import { variablesRead } from '../../stacks/testing/variables-read.ts';
import { variables } from '../../worker/config/variables/index.ts';
import { docker, root } from './harness/docker.ts';

interface Rendered {
  readonly services: Readonly<
    Record<
      string,
      {
        readonly image: string;
        readonly user: string;
        readonly environment?: Readonly<Record<string, string>>;
        readonly networks?: Readonly<Record<string, unknown>>;
        readonly volumes?: readonly { readonly type: string; readonly source: string; readonly target: string }[];
        readonly ports?: readonly { readonly host_ip?: string; readonly target: number }[];
        readonly deploy: {
          readonly replicas?: number;
          readonly resources: { readonly limits: Record<string, unknown> };
        };
        readonly cap_drop: readonly string[];
        readonly read_only: boolean;
        readonly depends_on?: Readonly<Record<string, unknown>>;
      }
    >
  >;
  readonly networks: Readonly<Record<string, { readonly internal?: boolean }>>;
}

const chosen = { MILLRACE_TOPOLOGY: 'standalone', MILLRACE_TLS: 'false', MILLRACE_POOLS: 'none' };
const theirs = { MILLRACE_TOPOLOGY: 'external', DB_HOST: 'db.example', REDIS_HOST: 'redis.example' };

const config = (overlays: readonly string[]) => {
  const files = ['compose.yaml', ...overlays.map((name) => `compose/${name}.yaml`)].flatMap((file) => ['-f', file]);
  return ['compose', ...files, 'config', '--format', 'json'];
};
async function render(env: Readonly<Record<string, string>> = {}, ...overlays: readonly string[]): Promise<Rendered> {
  return JSON.parse(await docker(config(overlays), { env: { ...chosen, ...env } }));
}
const rendering = (env: Readonly<Record<string, string>>, overlays: readonly string[]) =>
  render(env, ...overlays).then(
    () => 'rendered',
    (error: Error) => error.message,
  );

const systems = [
  ['standalone', {}, []],
  ['sentinel', { MILLRACE_TOPOLOGY: 'sentinel', MILLRACE_TLS: 'true' }, []],
  ['cluster', { MILLRACE_TOPOLOGY: 'cluster' }, []],
  ['external', theirs, []],
  ['pools', { MILLRACE_POOLS: 'pools' }, []],
  ['archived WAL', { MILLRACE_WAL: 'wal-archive' }, []],
  ['weaviate', {}, ['weaviate']],
  ['observability', {}, ['observability']],
] as const;

describe('a rendered system', () => {
  it.each(systems)('should limit, harden and place every service: %s', async (_, env, overlays) => {
    const { services, networks } = await render(env, ...overlays);
    expect(networks.ssrf_proxy_network?.internal).toBe(true);
    for (const [name, service] of Object.entries(services)) {
      expect([name, Object.keys(service.deploy.resources.limits).sort()]).toEqual([name, ['cpus', 'memory', 'pids']]);
      expect([name, service.cap_drop, service.read_only]).toEqual([name, ['ALL'], true]);
      expect([name, service.image]).not.toEqual([name, expect.stringMatching(/:latest$|^[^:]+$/)]);
      if (!['init_permissions', 'secrets'].includes(name)) expect([name, service.user]).not.toEqual([name, '0:0']);
      const published = (service.ports ?? []).map(({ host_ip }) => host_ip);
      expect([name, published]).toEqual([name, published.map(() => '127.0.0.1')]);
      if (/redis|sentinel|postgres|worker|weaviate/.test(name)) expect([name, published]).toEqual([name, []]);
    }
  });

  it.each(systems)('should have no secret in the environment of a service: %s', async (_, env, overlays) => {
    const canary = 'canary-7f3b-of-an-operator';
    const secrets = [
      'DB_PASSWORD',
      'REDIS_PASSWORD',
      'MILLRACE_API_KEY',
      'OPENAI_API_KEY',
      'OPENDAL_S3_SECRET_ACCESS_KEY',
    ];
    const given = Object.fromEntries(secrets.map((name) => [name, canary]));
    expect(JSON.stringify(await render({ ...env, ...given }, ...overlays))).not.toContain(canary);
  });

  it('should deploy nothing of external servers, and gate on the doctor', async () => {
    const { services } = await render(theirs);
    expect(Object.keys(services).filter((name) => /redis|postgres|sentinel/.test(name))).toEqual([]);
    for (const name of ['api', 'worker', 'worker_beat', 'migrate'])
      expect(services[name]?.depends_on).toHaveProperty('doctor');
    expect(Object.keys(services.doctor?.depends_on ?? {}).sort()).toEqual([
      'init_permissions',
      'secrets',
      'ssrf_proxy',
    ]);
    expect(services.worker?.environment).toMatchObject({ DB_HOST: 'db.example', REDIS_HOST: 'redis.example' });
  });

  it('should serve each pool by a service, scaled by itself', async () => {
    const { services } = await render({
      MILLRACE_POOLS: 'pools',
      MILLRACE_WORKER_REPLICAS: '3',
      MILLRACE_AI_REPLICAS: '2',
    });
    const pools = Object.entries(services).flatMap(([name, { environment, deploy }]) =>
      environment?.MILLRACE_POOL ? [[name, environment.MILLRACE_POOL, deploy.replicas]] : [],
    );
    expect(pools.sort()).toEqual([
      ['worker', 'interactive', 3],
      ['worker_ai', 'ai', 2],
      ['worker_background', 'background', 1],
      ['worker_ingest', 'ingest', 1],
    ]);
  });

  it('should publish Redis and Postgres on 127.0.0.1 with the overlay dev alone', async () => {
    const { services } = await render({}, 'dev');
    expect(services.redis?.ports).toMatchObject([{ host_ip: '127.0.0.1', target: 6379 }]);
    expect(services.db_postgres?.ports).toMatchObject([{ host_ip: '127.0.0.1', target: 5432 }]);
  });
});

describe('the archive of the WAL', () => {
  const volumesOf = async (env: Readonly<Record<string, string>>, ...overlays: readonly string[]) => {
    const { services } = await render(env, ...overlays);
    return [services.db_postgres, services.init_permissions].flatMap((service) =>
      (service?.volumes ?? []).flatMap(({ type, source, target }) =>
        target.endsWith('/wal_archive') ? [`${type} ${source}`] : [],
      ),
    );
  };

  it('should be there by choice or as an overlay, in a volume or in a folder', async () => {
    const choice = { MILLRACE_WAL: 'wal-archive' };
    const volume = ['volume wal_archive', 'volume wal_archive'];
    expect(await volumesOf({})).toEqual([]);
    expect(await volumesOf(choice)).toEqual(volume);
    expect(await volumesOf({}, 'wal-archive')).toEqual(volume);
    const folder = ['bind /mnt/archive', 'bind /mnt/archive'];
    expect(await volumesOf({ ...choice, MILLRACE_WAL_FOLDER: '/mnt/archive' })).toEqual(folder);
  });
});

describe('what cannot be', () => {
  it.each([
    [{ MILLRACE_TOPOLOGY: 'sentinels' }, 'sentinels.yaml'],
    [{ MILLRACE_TLS: 'yes' }, 'tls-yes.env'],
    [{ MILLRACE_POOLS: 'many' }, 'many.yaml'],
    [{ MILLRACE_WAL: 'true' }, 'true.yaml'],
    [{ ...theirs, DB_HOST: '' }, 'MILLRACE_TOPOLOGY=external wants DB_HOST'],
    [{ ...theirs, REDIS_HOST: '' }, 'MILLRACE_TOPOLOGY=external wants REDIS_HOST, REDIS_SENTINELS or REDIS_CLUSTERS'],
    [{ MILLRACE_TOPOLOGY: 'sentinel' }, 'dev-on-sentinel-with-tls-false.yaml: no such file', ['dev']],
    [{ MILLRACE_TOPOLOGY: 'cluster' }, 'dev-on-cluster-with-tls-false.yaml: no such file', ['dev']],
    [{ MILLRACE_TLS: 'true' }, 'dev-on-standalone-with-tls-true.yaml: no such file', ['dev']],
    [theirs, 'dev-on-external-with-tls-false.yaml: no such file', ['dev']],
  ])('should be refused when it is rendered: %o', async (env, named, overlays: readonly string[] = []) => {
    expect(await rendering(env, overlays)).toContain(named);
  });

  it.each([
    { REDIS_HOST: 'redis.example' },
    { REDIS_USE_SENTINEL: 'true', REDIS_SENTINELS: 'one.example:26379' },
    { REDIS_USE_CLUSTERS: 'true', REDIS_CLUSTERS: 'one.example:6379' },
  ])('should not be a Redis of yours that is named by %o', async (redis) => {
    const { services } = await render({ ...theirs, REDIS_HOST: '', ...redis });
    expect(services.worker?.environment).toMatchObject(redis);
  });
});

describe('an overlay', () => {
  const folder = join(root, 'compose/overlays');
  const files = readdirSync(folder);
  const overlays = files
    .map((file) => file.replace(/\.yaml$/, ''))
    .filter((name) => name !== 'none' && existsSync(join(root, 'compose', `${name}.yaml`)));
  const chooses = Object.keys(chosen);
  const variablesOf = (overlay: string) => {
    const own = files.filter((file) => file === `${overlay}.yaml` || file.startsWith(`${overlay}-on-`));
    const text = own.map((file) => readFileSync(join(folder, file), 'utf8')).join('\n');
    const names = [...text.matchAll(/\$\{([A-Z][A-Z0-9_]*)/g)].map(([, name = '']) => name);
    return [...new Set(names)].filter((name) => !chooses.includes(name));
  };

  it.each(overlays)(
    'should take each of its variables from compose/.env, and from the shell before that: %s',
    async (overlay) => {
      const names = variablesOf(overlay);
      const prefix = (name: string) => (/_PORT$/.test(name) ? '' : /_FOLDER$/.test(name) ? '/canary-' : 'canary-');
      const values = (first: number) =>
        Object.fromEntries(names.map((name, n) => [name, `${prefix(name)}${first + n}`]));
      const copy = mkdtempSync(join(tmpdir(), 'millrace-render-'));
      try {
        cpSync(join(root, 'compose'), join(copy, 'compose'), { recursive: true });
        cpSync(join(root, 'compose.yaml'), join(copy, 'compose.yaml'));
        const lines = Object.entries(values(47_000)).map(([name, value]) => `${name}=${value}\n`);
        writeFileSync(join(copy, 'compose/.env'), lines.join(''));
        const unset = Object.fromEntries(names.map((name) => [name, undefined]));
        const rendered = (env: Readonly<Record<string, string | undefined>>) =>
          docker(config([overlay]), { cwd: copy, env: { ...chosen, ...env } });
        const byFile = await rendered(unset);
        for (const value of Object.values(values(47_000))) expect(byFile).toContain(value);
        const byShell = await rendered(values(48_000));
        for (const value of Object.values(values(48_000))) expect(byShell).toContain(value);
      } finally {
        rmSync(copy, { recursive: true });
      }
    },
  );
});

it('should run on a docker compose that the guide allows', async () => {
  const guide = readFileSync(join(root, 'docs/guides/deploy-with-compose.md'), 'utf8');
  const oldest = /Docker Compose (\d+\.\d+\.\d+) or newer/.exec(guide)?.[1];
  const here = (await docker(['compose', 'version', '--short'])).trim().replace(/^v/, '');
  expect(oldest).toBeDefined();
  expect(here.localeCompare(oldest ?? '', 'en', { numeric: true })).toBeGreaterThanOrEqual(0);
});

describe('compose/.env.example', () => {
  const text = readFileSync(join(root, 'compose/.env.example'), 'utf8');
  const explained = [...text.matchAll(/^# ([A-Z][A-Z0-9_]*)=/gm)].map(([, name = '']) => name);
  const yaml = readdirSync(join(root, 'compose'), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.yaml'))
    .map((file) => readFileSync(join(root, 'compose', file), 'utf8'))
    .join('\n');
  // follows from other variables, and is nobody's to set
  const derived = Object.keys(parseEnv(readFileSync(join(root, 'compose/env/derived.env'), 'utf8')));
  const named = [...yaml.matchAll(/\$\{([A-Z][A-Z0-9_]*)/g)].map(([, name = '']) => name);
  const used = new Set(named.filter((name) => !derived.includes(name)));

  it('should explain every variable that the compose files read, once', () => {
    expect([...used].filter((name) => !explained.includes(name))).toEqual([]);
    expect(explained.filter((name, place) => explained.indexOf(name) !== place)).toEqual([]);
  });

  it('should explain every variable that the stacks read, so that nobody is told that it means nothing', () => {
    const read = [...variablesRead()].filter((name) => name !== 'DOCKER_HOST');
    expect(read).toEqual(expect.arrayContaining(['MILLRACE_PROJECT', 'MILLRACE_STATE_CONFIGURATION', 'CELERY_QUEUES']));
    expect(read.filter((name) => !explained.includes(name))).toEqual([]);
  });

  it('should set nothing, so that a copy changes nothing', () => {
    expect(parseEnv(text)).toEqual({});
  });

  it('should name nothing that nothing reads', () => {
    const read = new Set([...used, ...readByOthers, ...variablesRead()]);
    expect(explained.filter((name) => !read.has(name))).toEqual([]);
  });

  it('should reach every variable of the worker, but those that the kit itself sets', () => {
    const missing = Object.keys(variables).filter((name) => !explained.includes(name) && !setByTheKit.includes(name));
    expect(missing).toEqual([]);
  });
});

/** By the one-shot `secrets`, and where images are built. */
const readByOthers = [
  ...['MILLRACE_API_KEY', 'DB_PASSWORD', 'POSTGRES_PASSWORD', 'REDIS_PASSWORD', 'REDIS_SENTINEL_PASSWORD'],
  ...['CELERY_SENTINEL_PASSWORD', 'NODE_IMAGE', 'DEBIAN_IMAGE'],
];
const setByTheKit = [
  // refused where it is set
  'REDIS_KEY_PREFIX',
  // what a container is and where it listens
  ...['MODE', 'DIFY_BIND_ADDRESS', 'DIFY_PORT', 'HEALTH_PORT', 'MIGRATION_ENABLED', 'MILLRACE_HOME', 'MILLRACE_POOL'],
  ...['MILLRACE_GRACE_SECONDS', 'MILLRACE_API_REPLICAS', 'MILLRACE_BEAT_REPLICAS', 'OPENDAL_FS_ROOT', 'DB_TYPE'],
  // of commands on the host
  'MILLRACE_URL',
  // built from parts, files and MILLRACE_TLS
  ...[
    'CELERY_BROKER_URL',
    'REDIS_URL',
    'REDIS_USE_SSL',
    'BROKER_USE_SSL',
    'REDIS_SSL_CERT_REQS',
    'REDIS_SSL_CA_CERTS',
    'REDIS_SSL_CERTFILE',
    'REDIS_SSL_KEYFILE',
    'MILLRACE_DB_SSL_CA_CERTS',
  ],
  ...[
    'CELERY_USE_SENTINEL',
    'CELERY_SENTINEL_MASTER_NAME',
    'CELERY_SENTINEL_SOCKET_TIMEOUT',
    'REDIS_CLUSTERS_PASSWORD',
  ],
];
