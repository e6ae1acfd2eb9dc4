/** What the props of a service must be, told at synth: Terraform and Docker would tell it late and in their own words. */
import { StartError } from '../../worker/errors.ts';
import type { ServiceProps } from './service-props.ts';

interface Rule {
  readonly broken: (props: ServiceProps) => boolean;
  readonly says: (props: ServiceProps) => string;
}

const isWhole = (value: number, least: number) => Number.isSafeInteger(value) && value >= least;

const rules: readonly Rule[] = [
  {
    broken: ({ service }) => !/^[a-z][a-z0-9_]*$/.test(service),
    says: () => 'service: expected a name of small letters, digits and underscores, as `redis_1`',
  },
  {
    broken: ({ image }) => !/^\S+$/.test(image),
    says: ({ image }) => `image is "${image}"; expected a reference such as \`redis:8.0.3-bookworm\``,
  },
  {
    broken: ({ user }) => !/^\d+:\d+$/.test(user),
    says: ({ user }) => `user is "${user}"; expected numbers, as \`1001:1001\``,
  },
  {
    broken: ({ memoryMegabytes }) => !isWhole(memoryMegabytes, 6),
    says: ({ memoryMegabytes }) => `memoryMegabytes is ${memoryMegabytes}; expected a whole number of at least 6`,
  },
  { broken: ({ cpus }) => !(cpus > 0), says: ({ cpus }) => `cpus is ${cpus}; expected a number above 0` },
  {
    broken: ({ pids }) => !isWhole(pids, 2),
    says: ({ pids }) => `pids is ${pids}; expected a whole number of at least 2`,
  },
  {
    broken: ({ stopGraceSeconds }) => !isWhole(stopGraceSeconds, 1),
    says: ({ stopGraceSeconds }) => `stopGraceSeconds is ${stopGraceSeconds}; expected a whole number of at least 1`,
  },
  {
    broken: ({ publish }) => publish !== undefined && !(isWhole(publish.hostPort, 1) && publish.hostPort <= 65_535),
    says: ({ publish }) => `publish.hostPort is ${publish?.hostPort}; expected 1 to 65535`,
  },
  {
    // Docker publishes nothing of a container whose networks are all internal, and says nothing of it.
    broken: ({ publish, networks }) => publish !== undefined && !networks.includes('edge'),
    says: () => 'publish: a port is published from the network `edge` only, for the others are internal',
  },
  {
    broken: ({ publish, replicas }) => publish !== undefined && replicas !== undefined,
    says: () => 'publish: several replicas cannot share one port of the host',
  },
  {
    broken: ({ mounts = [] }) => mounts.some(({ target }) => !target.startsWith('/')),
    says: () => 'mounts: expected absolute paths as targets',
  },
];

/** @throws StartError `stack_invalid`, with every prop that is wrong */
export function checkService(props: ServiceProps): void {
  const wrong = rules.filter(({ broken }) => broken(props)).map(({ says }) => says(props));
  if (wrong.length === 0) return;
  throw new StartError({
    code: 'stack_invalid',
    message: `The service "${props.service}" cannot be made:\n${wrong.map((line) => `- ${line}.`).join('\n')}`,
  });
}
