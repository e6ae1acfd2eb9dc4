/** What a construct makes, service by service, in few words. */
import type { TerraformStack } from '../cdktf.ts';
import { Service } from '../constructs/service.ts';
import type { System } from '../constructs/system.ts';
import { containersOf, synthesisedOf } from './synthesised.ts';

export interface Constructed {
  readonly user: unknown;
  readonly env: Readonly<Record<string, string>>;
  readonly networks: readonly string[];
  /** Sources without the stack's name, as `secrets_api to /run/secrets/millrace`, with `, writable` where they are. */
  readonly mounts: readonly string[];
  /** Services whose gates come first. */
  readonly needs: readonly string[];
  /** Undefined for a one-shot. */
  readonly health: string | undefined;
  /** Of its gate. */
  readonly expects: 'healthy' | 'completed';
  readonly pids: number;
  readonly megabytes: unknown;
  readonly published: unknown;
}

/** As Terraform reads it. */
interface Container {
  readonly user: unknown;
  readonly env?: readonly string[];
  readonly networks_advanced?: readonly { readonly name: string }[];
  readonly mounts?: readonly { readonly source: string; readonly target: string; readonly read_only: boolean }[];
  readonly depends_on?: readonly string[];
  readonly healthcheck: { readonly test: readonly string[] };
  readonly memory: unknown;
  readonly ports?: unknown;
}

const serviceOf = (gate: string) => /^terraform_data\.(\w+)_gate_/.exec(gate)?.[1] ?? gate;
const bare = (source: string) => source.replace(/^millrace-trial-|^\$\{[^}]*\}\//, '');

/** Somebody whose gate comes first. */
export const somebody = (system: System): Service =>
  new Service(system, {
    service: 'somebody',
    image: 'somebody:1.2.3',
    user: '1001:1001',
    networks: ['data'],
    health: ['true'],
    memoryMegabytes: 64,
    cpus: 1,
    pids: 32,
    stopGraceSeconds: 10,
  });

/** By service, without the one that is only waited for. */
export function constructed(fill: (system: System, stack: TerraformStack) => void): ReadonlyMap<string, Constructed> {
  const stack = synthesisedOf(fill);
  const gates = Object.entries(stack.resource.terraform_data ?? {});
  const made = [...containersOf(stack)].map(([service, attributes]): [string, Constructed] => {
    const container = attributes as unknown as Container;
    const gate = JSON.stringify(gates.find(([id]) => id.startsWith(`${service}_gate_`)));
    const [kind, ...health] = container.healthcheck.test;
    return [
      service,
      {
        user: container.user,
        env: Object.fromEntries((container.env ?? []).map((line) => line.split(/=(.*)/s, 2))),
        networks: (container.networks_advanced ?? []).map(
          ({ name }) => /system_(\w+?)_[0-9A-F]{8}/.exec(name)?.[1] ?? name,
        ),
        mounts: (container.mounts ?? []).map(
          ({ source, target, read_only }) => `${bare(source)} to ${target}${read_only ? '' : ', writable'}`,
        ),
        needs: (container.depends_on ?? []).map(serviceOf),
        health: kind === 'NONE' ? undefined : health.join(' '),
        expects: gate.includes('--expect completed') ? 'completed' : 'healthy',
        pids: Number(/--pids (\d+)/.exec(gate)?.[1]),
        megabytes: container.memory,
        published: container.ports,
      },
    ];
  });
  return new Map(made.filter(([service]) => service !== 'somebody'));
}
