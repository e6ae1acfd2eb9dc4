import type { ExternalServers } from './external-servers.ts';
import { Service } from './service.ts';
import type { Gated } from './service-props.ts';
import type { System } from './system.ts';
import { database, logs, outward, redisLogin, secretFile, secretsOf, storage, workerUser } from './worker-image.ts';

export interface ApiProps {
  readonly image: string;
  /** Where Redis is, and what an operator sets. */
  readonly environment: Readonly<Record<string, string>>;
  /** @default 1024 */
  readonly memoryMegabytes?: number;
  /** @default 1 */
  readonly cpus?: number;
  /** @default 127.0.0.1 */
  readonly address?: string;
  /** Port of the host. @default 5001 */
  readonly port?: number;
  /** An operator's own Redis and Postgres. @default the kit's */
  readonly servers?: ExternalServers;
  readonly after: readonly Gated[];
}

/** The HTTP API, published on one port of the host. */
export class Api extends Service {
  /** Where it answers. */
  readonly url: string;

  constructor(system: System, props: ApiProps) {
    const { image, environment, address = '127.0.0.1', port = 5001, servers, after } = props;
    super(system, {
      service: 'api',
      image,
      user: workerUser,
      environment: {
        ...environment,
        MODE: 'api',
        MIGRATION_ENABLED: 'false',
        ...database('api'),
        ...redisLogin('api'),
        ...servers?.database,
        ...servers?.redis,
        DIFY_BIND_ADDRESS: '0.0.0.0',
        DIFY_PORT: '5001',
        MILLRACE_API_KEY_FILE: secretFile('api_key'),
        OPENDAL_FS_ROOT: '/app/storage',
        ...outward,
      },
      networks: ['edge', 'data', 'ssrf_proxy_network'],
      mounts: [secretsOf('api'), storage, logs],
      temporaryMegabytes: 256,
      health: ['millrace-health'],
      memoryMegabytes: props.memoryMegabytes ?? 1024,
      cpus: props.cpus ?? 1,
      pids: 512,
      stopGraceSeconds: 20,
      publish: { address, hostPort: port, containerPort: 5001 },
      after,
    });
    this.url = `http://${address === '0.0.0.0' ? '127.0.0.1' : address}:${port}`;
  }
}
