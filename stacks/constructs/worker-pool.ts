import type { TerraformVariable } from '../cdktf.ts';
import { Service } from './service.ts';
import type { System } from './system.ts';
import { database, outward, redisLogin, secretsOf, storage, workerUser } from './worker-image.ts';

export interface WorkerPoolProps {
  readonly image: string;
  /** @default worker */
  readonly service?: string;
  /** A pool of worker/queues.ts. @default every queue */
  readonly pool?: string;
  readonly environment: Readonly<Record<string, string>>;
  /** @default 1536 */
  readonly memoryMegabytes?: number;
  /** @default 1 */
  readonly cpus?: number;
  /** How many. */
  readonly replicas: TerraformVariable;
  readonly after: readonly Service[];
}

/** Processes that consume the same queues, scaled as one. */
export class WorkerPool extends Service {
  constructor(system: System, props: WorkerPoolProps) {
    const { image, service = 'worker', pool, environment, replicas, after } = props;
    super(system, {
      service,
      image,
      user: workerUser,
      environment: {
        ...environment,
        MODE: 'worker',
        ...(pool === undefined ? {} : { MILLRACE_POOL: pool }),
        MIGRATION_ENABLED: 'false',
        MILLRACE_GRACE_SECONDS: '30',
        ...database('worker'),
        ...redisLogin('worker'),
        OPENDAL_FS_ROOT: '/app/storage',
        ...outward,
      },
      networks: ['data', 'ssrf_proxy_network'],
      mounts: [secretsOf('worker'), storage],
      temporaryMegabytes: 256,
      health: ['millrace-health'],
      memoryMegabytes: props.memoryMegabytes ?? 1536,
      cpus: props.cpus ?? 1,
      pids: 512,
      stopGraceSeconds: 45,
      replicas,
      after,
    });
  }
}
