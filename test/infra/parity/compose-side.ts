/** The system as `docker compose config` renders it. */
import { execFile } from 'node:child_process';
import { relative } from 'node:path';
import { promisify } from 'node:util';
import { root } from '../harness/docker.ts';
import {
  type Chosen,
  cleanEnvironment,
  dockerSharedMemoryMegabytes,
  type Shape,
  type System,
  seconds,
  sorted,
} from './shape.ts';

interface Rendered {
  readonly services: Readonly<Record<string, RenderedService>>;
  readonly networks: RenderedNetworks;
}

type RenderedNetworks = Readonly<Record<string, { readonly internal?: boolean }>>;

interface RenderedService {
  readonly image: string;
  readonly user?: string;
  readonly entrypoint?: readonly string[] | null;
  readonly command?: readonly string[] | null;
  readonly environment?: Readonly<Record<string, string | null>>;
  readonly networks?: Readonly<Record<string, { readonly aliases?: readonly string[] } | null>>;
  readonly network_mode?: string;
  readonly dns_opt?: readonly string[];
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>;
  readonly healthcheck?: {
    readonly disable?: boolean;
    readonly test?: readonly string[];
    readonly interval?: string;
    readonly timeout?: string;
    readonly retries?: number;
    readonly start_period?: string;
  };
  readonly deploy?: { readonly resources?: { readonly limits?: { memory?: string; cpus?: number; pids?: number } } };
  readonly shm_size?: string;
  readonly cap_drop?: readonly string[];
  readonly cap_add?: readonly string[];
  readonly security_opt?: readonly string[];
  readonly read_only?: boolean;
  readonly init?: boolean;
  readonly volumes?: readonly { type: string; source: string; target: string; read_only?: boolean }[];
  readonly tmpfs?: readonly string[];
  readonly ports?: readonly { host_ip?: string; target: number; published: string }[];
  readonly restart?: string;
  readonly logging?: { readonly driver: string; readonly options: Readonly<Record<string, string>> };
  readonly stop_grace_period?: string;
}

const megabytes = (bytes: string | undefined) => Number(bytes) / 1024 / 1024;

const conditions: Readonly<Record<string, string>> = {
  service_healthy: 'healthy',
  service_completed_successfully: 'completed',
};

function healthOf({ healthcheck }: RenderedService): string {
  if (healthcheck === undefined || healthcheck.disable) return 'none';
  const { test = [], interval, timeout, retries, start_period: start } = healthcheck;
  return `${test.join(' ')} every ${interval}, within ${timeout}, ${retries} times, after ${start}`;
}

function shapeOf(name: string, service: RenderedService, networks: RenderedNetworks): Shape {
  const limits = service.deploy?.resources?.limits ?? {};
  const environment = Object.entries(service.environment ?? {});
  return {
    image: service.image,
    user: service.user ?? '',
    entrypoint: service.entrypoint ?? [],
    command: service.command ?? [],
    environment: Object.fromEntries(environment.flatMap(([key, value]) => (value ? [[key, value]] : []))),
    networks: Object.fromEntries(
      Object.entries(service.networks ?? {}).map(([network, given]) => [
        network,
        {
          aliases: sorted((given?.aliases ?? []).filter((alias) => alias !== name)),
          internal: networks[network]?.internal ?? false,
        },
      ]),
    ),
    dnsOptions: service.dns_opt ?? [],
    needs: sorted(
      Object.entries(service.depends_on ?? {}).map(([other, { condition }]) => `${other}: ${conditions[condition]}`),
    ),
    health: healthOf(service),
    memoryMegabytes: megabytes(limits.memory),
    cpus: Number(limits.cpus),
    pids: Number(limits.pids),
    sharedMemoryMegabytes: service.shm_size === undefined ? dockerSharedMemoryMegabytes : megabytes(service.shm_size),
    capabilities: { drop: service.cap_drop ?? [], add: sorted(service.cap_add ?? []) },
    securityOptions: service.security_opt ?? [],
    readOnly: service.read_only ?? false,
    init: service.init ?? false,
    mounts: sorted(
      (service.volumes ?? []).map(({ type, source, target, read_only: readOnly }) => {
        const from = type === 'bind' ? relative(root, source) : source;
        return `${type} ${from} -> ${target} (${readOnly ? 'ro' : 'rw'})`;
      }),
    ),
    temporary: sorted(service.tmpfs ?? []),
    ports: (service.ports ?? []).map(({ host_ip: address, published, target }) => `${address}:${published}:${target}`),
    restart: service.restart ?? 'no',
    logging: `${service.logging?.driver} ${JSON.stringify(Object.entries(service.logging?.options ?? {}).sort())}`,
    stopGraceSeconds: seconds(service.stop_grace_period ?? ''),
  };
}

/** @param files instead of the root's compose.yaml alone */
export async function composeSystem(chosen: Chosen, files: readonly string[] = []): Promise<System> {
  const args = ['compose', ...files.flatMap((file) => ['-f', file]), 'config', '--format', 'json'];
  const { stdout } = await promisify(execFile)('docker', args, {
    cwd: root,
    env: cleanEnvironment(chosen),
    timeout: 60_000,
    maxBuffer: 16 * 1024 * 1024,
  });
  const { services, networks }: Rendered = JSON.parse(stdout);
  return new Map(Object.entries(services).map(([name, service]) => [name, shapeOf(name, service, networks)]));
}
