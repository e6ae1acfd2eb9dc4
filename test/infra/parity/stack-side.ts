/** The system as the stacks are synthesised. */
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
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

interface Container {
  readonly name: string;
  readonly image: string;
  readonly user?: string;
  readonly entrypoint?: readonly string[];
  readonly command?: readonly string[];
  readonly env: readonly string[];
  readonly network_mode: string;
  readonly networks_advanced?: readonly { name: string; aliases: readonly string[] }[];
  readonly dns_opts?: readonly string[];
  readonly depends_on?: readonly string[];
  readonly healthcheck: { test: string[]; interval: string; timeout: string; retries: number; start_period: string };
  readonly memory: number;
  readonly cpus: string;
  readonly shm_size?: number;
  readonly capabilities: { readonly drop: readonly string[]; readonly add: readonly string[] };
  readonly security_opts: readonly string[];
  readonly read_only: boolean;
  readonly init: boolean;
  readonly mounts: readonly { type: string; source: string; target: string; read_only: boolean }[];
  readonly tmpfs: Readonly<Record<string, string>>;
  readonly ports?: readonly { ip: string; external: number; internal: number }[];
  readonly restart: string;
  readonly log_driver: string;
  readonly log_opts: Readonly<Record<string, string>>;
  readonly stop_timeout: number;
}

interface Gate {
  readonly provisioner: readonly { readonly 'local-exec': { readonly command: string } }[];
}

interface Synthesised {
  /** Images that are built here. */
  readonly data?: { readonly docker_image?: Readonly<Record<string, { readonly name: string }>> };
  readonly resource: {
    readonly docker_container: Readonly<Record<string, Container>>;
    readonly docker_image?: Readonly<Record<string, { readonly name: string }>>;
    readonly docker_network: Readonly<Record<string, { readonly name: string; readonly internal?: boolean }>>;
    readonly terraform_data: Readonly<Record<string, Gate>>;
  };
}

/** `${docker_image.NAME.image_id}`, `${data.docker_image.NAME.id}` -> NAME */
const referred = (expression: string) => expression.split('.').at(-2) ?? '';
const serviceOf = (id: string) => id.replace(/_(?:container|gate)_[0-9A-F]{8}$/, '');

function shapeOf(id: string, container: Container, { resource, data }: Synthesised, prefix: string): Shape {
  const own = (name: string) => name.slice(prefix.length);
  const commandOf = (gate: string) => resource.terraform_data[gate]?.provisioner[0]?.['local-exec'].command ?? '';
  const ownGate = Object.keys(resource.terraform_data).find((gate) => serviceOf(gate) === serviceOf(id)) ?? '';
  const images = { ...resource.docker_image, ...data?.docker_image };
  const { test, interval, timeout, retries, start_period: start } = container.healthcheck;
  return {
    image: images[referred(container.image)]?.name ?? container.image,
    user: container.user ?? '',
    entrypoint: container.entrypoint ?? [],
    command: container.command ?? [],
    environment: Object.fromEntries(container.env.map((line) => line.split(/=(.*)/s, 2))),
    networks: Object.fromEntries(
      (container.networks_advanced ?? []).map(({ name, aliases }) => {
        const network = resource.docker_network[referred(name)];
        return [
          own(network?.name ?? name),
          {
            aliases: sorted(aliases.filter((alias) => alias !== serviceOf(id))),
            internal: network?.internal ?? false,
          },
        ];
      }),
    ),
    dnsOptions: container.dns_opts ?? [],
    needs: sorted(
      (container.depends_on ?? []).map((reference) => {
        const gate = reference.split('.')[1] ?? '';
        return `${serviceOf(gate)}: ${/--expect (\w+)/.exec(commandOf(gate))?.[1]}`;
      }),
    ),
    health:
      test[0] === 'NONE'
        ? 'none'
        : `${test.join(' ')} every ${interval}, within ${timeout}, ${retries} times, after ${start}`,
    memoryMegabytes: container.memory,
    cpus: Number(container.cpus),
    pids: Number(/--pids (\d+)/.exec(commandOf(ownGate))?.[1]),
    sharedMemoryMegabytes: container.shm_size ?? dockerSharedMemoryMegabytes,
    capabilities: {
      drop: container.capabilities.drop,
      add: sorted(container.capabilities.add.map((capability) => capability.replace(/^CAP_/, ''))),
    },
    securityOptions: container.security_opts,
    readOnly: container.read_only,
    init: container.init,
    mounts: sorted(
      container.mounts.map(({ type, source, target, read_only: readOnly }) => {
        const from = type === 'bind' ? source.replace(`\${local.checkout}/`, '') : own(source);
        return `${type} ${from} -> ${target} (${readOnly ? 'ro' : 'rw'})`;
      }),
    ),
    temporary: sorted(Object.entries(container.tmpfs).map(([folder, options]) => `${folder}:${options}`)),
    ports: (container.ports ?? []).map(({ ip, external, internal }) => `${ip}:${external}:${internal}`),
    restart: container.restart,
    logging: `${container.log_driver} ${JSON.stringify(Object.entries(container.log_opts).sort())}`,
    stopGraceSeconds: seconds(`${container.stop_timeout}s`),
  };
}

/** @param stack a name of stacks/main.ts */
export async function stackSystem(stack: string, chosen: Chosen): Promise<System> {
  const folder = await mkdtemp(join(tmpdir(), 'millrace-parity-'));
  try {
    const env = { ...cleanEnvironment(chosen), CDKTF_OUTDIR: folder };
    await promisify(execFile)('tools/run', ['node', 'stacks/main.ts'], { cwd: root, env, timeout: 120_000 });
    const synthesised: Synthesised = JSON.parse(await readFile(join(folder, 'stacks', stack, 'cdk.tf.json'), 'utf8'));
    const prefix = `${chosen.MILLRACE_PROJECT ?? 'millrace'}-${stack}-`;
    return new Map(
      Object.entries(synthesised.resource.docker_container).map(([id, container]) => [
        serviceOf(id),
        shapeOf(id, container, synthesised, prefix),
      ]),
    );
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
