import type { TerraformVariable } from '../cdktf.ts';
import type { ExternalServers } from './external-servers.ts';
import { Service } from './service.ts';
import type { Gated, ServiceProps } from './service-props.ts';
import type { System } from './system.ts';
import { database, logs, outward, redisLogin, secretsOf, storage, workerUser } from './worker-image.ts';

export interface WorkerProps {
  readonly image: string;
  /** Where Redis is, and what an operator sets. */
  readonly environment: Readonly<Record<string, string>>;
  /** An operator's own Redis and Postgres. @default the kit's */
  readonly servers?: ExternalServers;
  /** @default 1536 */
  readonly memoryMegabytes?: number;
  /** @default 1 */
  readonly cpus?: number;
  readonly after: readonly Gated[];
}

export interface WorkerPoolProps extends WorkerProps {
  /** @default worker */
  readonly service?: string;
  /** A pool of worker/queues.ts. @default every queue, or those of CELERY_QUEUES */
  readonly pool?: string;
  /** How many. */
  readonly replicas: TerraformVariable;
}

/** What a worker is, whatever it serves. */
export function workerProps({ image, environment, servers, memoryMegabytes, cpus, after }: WorkerProps): ServiceProps {
  return {
    service: 'worker',
    image,
    user: workerUser,
    environment: {
      ...environment,
      MODE: 'worker',
      MIGRATION_ENABLED: 'false',
      MILLRACE_GRACE_SECONDS: '30',
      ...database('worker'),
      ...redisLogin('worker'),
      ...servers?.database,
      ...servers?.redis,
      OPENDAL_FS_ROOT: '/app/storage',
      ...outward,
    },
    networks: ['data', 'ssrf_proxy_network'],
    mounts: [secretsOf('worker'), storage, logs],
    temporaryMegabytes: 256,
    health: ['millrace-health'],
    memoryMegabytes: memoryMegabytes ?? 1536,
    cpus: cpus ?? 1,
    pids: 512,
    stopGraceSeconds: 45,
    after,
  };
}

/** Processes that consume the same queues, scaled as one. */
export class WorkerPool extends Service {
  constructor(system: System, props: WorkerPoolProps) {
    const { service = 'worker', pool, replicas } = props;
    const worker = workerProps(props);
    super(system, {
      ...worker,
      service,
      environment: {
        ...worker.environment,
        // a pool says which queues these are
        ...(pool === undefined ? {} : { MILLRACE_POOL: pool, CELERY_QUEUES: '' }),
      },
      replicas,
    });
  }
}
