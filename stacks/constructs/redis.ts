/** A server of Redis, of whatever topology; and what each topology is made of. */
import { Service } from './service.ts';
import type { Gated, ServiceProps } from './service-props.ts';
import type { System } from './system.ts';
import { kitFolder, secretsOf } from './worker-image.ts';

export type Topology = 'standalone' | 'sentinel' | 'cluster';

export interface RedisProps {
  readonly image: string;
  readonly tls: boolean;
  /** Of a server that holds data; it takes 60 % of it for keys. @default 512 */
  readonly memoryMegabytes?: number;
  /** Of a server that holds data. @default 1 */
  readonly cpus?: number;
  /** Files of compose/redis. */
  readonly configuration: readonly string[];
  readonly after: readonly Gated[];
}

/** Redis as the services that need it see it: when these gates are through, it takes work. */
export interface Redis {
  readonly ready: readonly Gated[];
}

interface NodeProps extends RedisProps {
  readonly topology: Topology;
  readonly service: string;
  /** What it announces. @default the service's name with hyphens */
  readonly node?: string;
}

/** What it announces: servers of a cluster take no underscore in a name. */
const announced = (service: string) => service.replaceAll('_', '-');

function shared({ image, tls, configuration, after, topology, service, node }: NodeProps) {
  return {
    service,
    image,
    user: '999:999',
    environment: { MILLRACE_TOPOLOGY: topology, MILLRACE_TLS: String(tls), MILLRACE_NODE: node ?? announced(service) },
    networks: ['data'],
    aliases: announced(service) === service || node !== undefined ? [] : [announced(service)],
    configuration,
    pids: 64,
    after,
  } satisfies Partial<ServiceProps>;
}

const health = (port: number) => ['/bin/sh', '/etc/millrace/redis/health.sh', String(port)];

/** A server that holds data: in a cluster a node, else the master or a replica. */
export class RedisNode extends Service {
  constructor(system: System, props: NodeProps) {
    super(system, {
      ...shared(props),
      entrypoint: ['/bin/sh', '/etc/millrace/redis/start.sh'],
      mounts: [kitFolder('redis'), secretsOf('redis'), { volume: `${props.service}_data`, target: '/data' }],
      health: health(6379),
      memoryMegabytes: props.memoryMegabytes ?? 512,
      cpus: props.cpus ?? 1,
      stopGraceSeconds: 60,
      init: true,
    });
  }
}

/** A server that watches the master and names the next one. */
export class Sentinel extends Service {
  constructor(system: System, props: NodeProps) {
    super(system, {
      ...shared(props),
      entrypoint: ['/bin/sh', '/etc/millrace/redis/start-sentinel.sh'],
      mounts: [kitFolder('redis'), secretsOf('sentinel'), { volume: `${props.service}_data`, target: '/data' }],
      health: health(26_379),
      memoryMegabytes: 64,
      // at rest a hundredth of it: when the master dies all clients shake hands with all sentinels at once, and each gives up after 1 s
      cpus: 1,
      stopGraceSeconds: 10,
      init: true,
    });
  }
}

/** The one-shot that joins empty nodes to a cluster; it does nothing where a cluster stands. */
export class RedisClusterInit extends Service {
  constructor(system: System, props: NodeProps) {
    super(system, {
      ...shared(props),
      entrypoint: ['/bin/sh', '/etc/millrace/redis/cluster-init.sh'],
      mounts: [kitFolder('redis'), secretsOf('redis')],
      memoryMegabytes: 64,
      cpus: 0.5,
      stopGraceSeconds: 10,
      dnsOptions: ['ndots:1'],
    });
  }
}
