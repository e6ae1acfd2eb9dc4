import { homedir, tmpdir } from 'node:os';
import { describe, expect, it } from 'vitest';
import type { Topology } from './constructs/redis.ts';
import type { Values } from './passed-on.ts';
import { topologies } from './stack.ts';
import { containersOf, type Synthesised, synthesised } from './testing/synthesised.ts';

/** Without where the state stands, and where in the source a resource was made. */
function plain(stack: Synthesised): unknown {
  const { '//': _about, terraform, ...rest } = stack as Synthesised & { '//': unknown };
  const { backend: _backend, ...required } = terraform;
  return JSON.parse(
    JSON.stringify({ ...rest, terraform: required }, (key, value) => (key === '//' ? undefined : value)),
  );
}

/** With no settings; a synthesis takes a while, so one each. */
const presets = new Map(topologies.map((topology) => [topology, synthesised(topology)]));
function preset(topology: Topology): Synthesised {
  const stack = presets.get(topology);
  if (stack === undefined) throw new Error(`no stack ${topology}`);
  return stack;
}

describe.each(topologies)('the stack %s', (topology) => {
  it('should be synthesised as it was', () => {
    expect(plain(preset(topology))).toMatchSnapshot();
  });

  it('should hold no path of the machine that synthesises it', () => {
    const text = JSON.stringify(preset(topology));
    // it was synthesised from a checkout in the folder for temporary files
    for (const path of [tmpdir(), homedir(), process.cwd()]) expect(text).not.toContain(`"${path}/`);
  });
});

const theirs = { MILLRACE_TOPOLOGY: 'external', DB_HOST: 'db.internal', REDIS_HOST: 'redis.internal' };

describe('the stack external', () => {
  it('should be synthesised as it was', () => {
    expect(plain(synthesised('external', theirs))).toMatchSnapshot();
  });
});

describe('every stack', () => {
  it.each(topologies)('should harden each container of %s', (topology) => {
    for (const [service, container] of containersOf(preset(topology))) {
      expect(container, service).toMatchObject({
        read_only: true,
        capabilities: { drop: ['ALL'] },
        security_opts: ['no-new-privileges:true'],
        log_opts: { 'max-size': '10m', 'max-file': '3' },
      });
      expect(container.memory, service).toBeGreaterThan(0);
    }
  });

  it('should keep its state in .millrace, one a project and stack', () => {
    const { terraform } = synthesised('sentinel', { MILLRACE_PROJECT: 'other' });
    expect(terraform.backend).toEqual({ local: { path: '../../../.millrace/terraform/other-sentinel.tfstate' } });
  });

  it('should keep its state where it is told to', () => {
    const { terraform } = synthesised('standalone', { MILLRACE_STATE_FOLDER: '/var/states' });
    expect(terraform.backend).toEqual({ local: { path: '/var/states/millrace-standalone.tfstate' } });
  });

  it('should deploy neither Redis nor Postgres where an operator has his own, and let the doctor try them first', () => {
    const stack = synthesised('external', theirs);
    const containers = containersOf(stack);
    expect([...containers.keys()].filter((service) => /redis|sentinel|postgres/.test(service))).toEqual([]);
    expect(containers.get('doctor')).toMatchObject({ command: ['millrace', 'doctor', '--before-start'], start: false });
    expect(containers.get('worker')?.env).toEqual(
      expect.arrayContaining(['DB_HOST=db.internal', 'REDIS_HOST=redis.internal']),
    );
    for (const service of ['worker', 'migrate'])
      expect(JSON.stringify(containers.get(service)?.depends_on)).toContain('doctor_gate');
    expect(JSON.stringify(containers.get('doctor')?.depends_on)).not.toContain('migrate');
  });

  it('should look for images that are built here on this machine alone, and pull those that an operator names', () => {
    const named = (values: Values) => {
      const { resource, data } = synthesised('standalone', values);
      const names = (images: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {}) =>
        Object.values(images).map(({ name }) => name);
      return { pulled: names(resource.docker_image), lookedUp: names(data?.docker_image) };
    };
    const servers = ['pgvector/pgvector:0.8.1-pg17', 'redis:8.0.3-bookworm'];
    const presets = named({});
    expect(presets.pulled.sort()).toEqual(servers);
    expect(presets.lookedUp.sort()).toEqual(['millrace/squid:local', 'millrace/worker:local']);
    const own = named({ MILLRACE_IMAGE: 'registry.example/millrace/worker:1.2' });
    expect(own.pulled.sort()).toEqual([...servers, 'registry.example/millrace/worker:1.2']);
    expect(own.lookedUp).toEqual(['millrace/squid:local']);
  });

  it("should refuse servers of one's own that nobody named", () => {
    expect(() => synthesised('external', { MILLRACE_TOPOLOGY: 'external' })).toThrow('DB_HOST is not set');
    expect(() => synthesised('external', { MILLRACE_TOPOLOGY: 'external', DB_HOST: 'db' })).toThrow(
      'None of REDIS_HOST, REDIS_SENTINELS and REDIS_CLUSTERS is set',
    );
    expect(() => synthesised('external')).toThrow('expects MILLRACE_TOPOLOGY=external');
  });

  it('should watch itself by Prometheus when asked to', () => {
    const containers = containersOf(synthesised('standalone', { MILLRACE_OBSERVABILITY: 'prometheus' }));
    expect(containers.get('prometheus')).toMatchObject({ ports: [{ ip: '127.0.0.1', external: 9090 }] });
    expect(JSON.stringify(containers.get('init_permissions')?.mounts)).toContain('prometheus_data');
  });

  it('should hand settings to the services that know them, and empty ones to none', () => {
    const containers = containersOf(
      synthesised('standalone', { CELERY_QUEUES: 'mail', LOG_LEVEL: '', DOCKER_HOST: 'tcp://h' }),
    );
    expect(containers.get('worker')?.env).toContain('CELERY_QUEUES=mail');
    expect(containers.get('api')?.env).not.toContain('CELERY_QUEUES=mail');
    expect(JSON.stringify(containers.get('worker')?.env)).not.toContain('LOG_LEVEL');
  });

  it('should name the file of a secret that an operator set, never the secret', () => {
    const stack = synthesised('standalone', { OPENAI_API_KEY: 'sk-told-to-nobody' });
    expect(containersOf(stack).get('worker')?.env).toContain(
      'OPENAI_API_KEY_FILE=/run/secrets/millrace/openai_api_key',
    );
    expect(JSON.stringify(stack)).not.toContain('sk-told-to-nobody');
  });

  it('should part the worker into pools, each with a number of its own', () => {
    const stack = synthesised('standalone', { MILLRACE_POOLS: 'pools' });
    const pools = ['worker', 'worker_ingest', 'worker_background', 'worker_ai'];
    expect([...containersOf(stack).keys()]).toEqual(expect.arrayContaining(pools));
    expect(Object.keys(stack.variable)).toEqual(expect.arrayContaining(pools.map((pool) => `${pool}_replicas`)));
    expect(containersOf(stack).get('worker_ai')?.env).toContain('MILLRACE_POOL=ai');
  });

  it('should say where the API answers, where its key lies and how to scale', () => {
    const { output } = synthesised('cluster', { EXPOSE_API_PORT: '5999' });
    expect(output).toMatchObject({
      api_address: { value: 'http://127.0.0.1:5999' },
      api_key: { value: '.millrace/api-key' },
      how_to_scale: { value: expect.stringContaining('npx cdktf deploy cluster') },
    });
  });

  it('should mount what data it keeps as volumes that are no resources, so that destroy leaves them', () => {
    expect(Object.keys(preset('standalone').resource)).not.toContain('docker_volume');
  });
});
