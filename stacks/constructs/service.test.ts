import { describe, expect, it } from 'vitest';
import { Aspects, Container, Image, TerraformVariable } from '../cdktf.ts';
import { synthesisedOf } from '../testing/synthesised.ts';
import { Posture } from './posture.ts';
import { Service } from './service.ts';
import type { ServiceProps } from './service-props.ts';

const sound: ServiceProps = {
  service: 'thing',
  image: 'thing:1.2.3',
  user: '1001:1001',
  networks: ['data'],
  health: ['true'],
  memoryMegabytes: 64,
  cpus: 0.5,
  pids: 32,
  stopGraceSeconds: 10,
};

const made = (props: Partial<ServiceProps>) =>
  synthesisedOf((system) => void new Service(system, { ...sound, ...props }));

describe('a service', () => {
  it.each<[Partial<ServiceProps>, string]>([
    [{ service: 'My Thing' }, 'service: expected a name of small letters'],
    [{ image: '' }, 'image is ""'],
    [{ user: 'postgres' }, 'user is "postgres"; expected numbers'],
    [{ memoryMegabytes: 0 }, 'memoryMegabytes is 0'],
    [{ cpus: 0 }, 'cpus is 0'],
    [{ pids: 1 }, 'pids is 1'],
    [{ stopGraceSeconds: 0.5 }, 'stopGraceSeconds is 0.5'],
    [
      { networks: ['edge'], publish: { address: '127.0.0.1', hostPort: 70_000, containerPort: 80 } },
      'hostPort is 70000',
    ],
    [{ publish: { address: '127.0.0.1', hostPort: 80, containerPort: 80 } }, 'from the network `edge` only'],
    [{ mounts: [{ volume: 'data', target: 'data' }] }, 'expected absolute paths'],
  ])('should be refused with %j', (props, message) => {
    expect(() => made(props)).toThrow(message);
  });

  it('should be told all that is wrong at once', () => {
    expect(() => made({ pids: 0, cpus: -1 })).toThrow(/cpus is -1[\s\S]*pids is 0/);
  });

  it('should share no port of the host among replicas', () => {
    const fill = () =>
      synthesisedOf((system, stack) => {
        const replicas = new TerraformVariable(stack, 'thing_replicas', { type: 'number' });
        const publish = { address: '127.0.0.1', hostPort: 80, containerPort: 80 };
        new Service(system, { ...sound, networks: ['edge'], publish, replicas });
      });
    expect(fill).toThrow('several replicas cannot share one port');
  });

  it('should be replaced when its health check or a file behind it changes', () => {
    const labels = (props: Partial<ServiceProps>) =>
      JSON.stringify(Object.values(made(props).resource.docker_container ?? {})[0]?.labels);
    expect(labels({ health: ['false'] })).not.toBe(labels({}));
    expect(labels({ configuration: ['compose/redis/start.sh'] })).toContain('filesha256');
    // the gate minds these; the container stays
    expect(labels({ gateSeconds: 5, pids: 64 })).toBe(labels({}));
  });

  it('should wait at the gates of those it needs, and its own gate for its health', () => {
    const { resource } = synthesisedOf((system) => {
      const first = new Service(system, { ...sound, service: 'first' });
      const { health: _none, ...oneShot } = sound;
      new Service(system, { ...oneShot, service: 'second', after: [first] });
    });
    const [, second] = Object.entries(resource.docker_container ?? {}).find(([id]) => id.startsWith('second')) ?? [];
    expect(second).toMatchObject({
      depends_on: [expect.stringMatching(/^terraform_data\.first_gate_/)],
      start: false,
      must_run: false,
      restart: 'no',
    });
    const gates = JSON.stringify(resource.terraform_data);
    expect(gates).toMatch(/--expect healthy --pids 32 --timeout 300/);
    expect(gates).toMatch(/--expect completed/);
  });
});

describe('the posture of a stack', () => {
  const refusing = (fill: Parameters<typeof synthesisedOf>[0]) => () =>
    synthesisedOf((system, stack) => {
      Aspects.of(stack).add(new Posture());
      fill(system, stack);
    });
  const health = { test: ['CMD', 'true'] };
  const calm = { name: 'thing', image: 'thing:1.2.3', user: '1001:1001', memory: 64, healthcheck: health };

  it('should let through what is sound', () => {
    expect(refusing((system) => void new Service(system, sound))).not.toThrow();
  });

  it('should refuse a container without a memory limit', () => {
    const { memory: _none, ...props } = calm;
    expect(refusing((_, stack) => void new Container(stack, 'thing', props))).toThrow('it has no memory limit');
  });

  it.each(['0:0', 'root', undefined])('should refuse one that runs as %s', (user) => {
    const { user: _given, ...props } = calm;
    expect(
      refusing((_, stack) => void new Container(stack, 'thing', user === undefined ? props : { ...props, user })),
    ).toThrow('it runs as root');
  });

  it.each([5432, 6379, 26_379])('should refuse one that publishes port %i', (internal) => {
    const ports = [{ internal, external: internal }];
    expect(refusing((_, stack) => void new Container(stack, 'thing', { ...calm, ports }))).toThrow(
      `it publishes port ${internal}`,
    );
  });

  it('should refuse a service without a health check', () => {
    const { healthcheck: _none, ...props } = calm;
    expect(refusing((_, stack) => void new Container(stack, 'thing', props))).toThrow('it has no health check');
  });

  it.each(['thing', 'thing:latest', 'registry.example:5000/thing'])('should refuse the image %s', (name) => {
    expect(refusing((_, stack) => void new Image(stack, 'thing', { name }))).toThrow(
      'expected an exact tag or a digest',
    );
  });
});
