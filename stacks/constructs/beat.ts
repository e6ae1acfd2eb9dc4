import type { ExternalServers } from './external-servers.ts';
import { Service } from './service.ts';
import type { Gated } from './service-props.ts';
import type { System } from './system.ts';
import { database, logs, redisLogin, secretsOf, workerUser } from './worker-image.ts';

export interface BeatProps {
  readonly image: string;
  readonly environment: Readonly<Record<string, string>>;
  /** An operator's own Redis and Postgres. @default the kit's */
  readonly servers?: ExternalServers;
  readonly after: readonly Gated[];
}

/** Fires schedules. */
export class Beat extends Service {
  constructor(system: System, { image, environment, servers, after }: BeatProps) {
    super(system, {
      service: 'worker_beat',
      image,
      user: workerUser,
      environment: {
        ...environment,
        MODE: 'beat',
        MIGRATION_ENABLED: 'false',
        ...database('beat'),
        ...redisLogin('beat'),
        ...servers?.database,
        ...servers?.redis,
      },
      networks: ['data'],
      mounts: [secretsOf('beat'), logs],
      health: ['millrace-health'],
      memoryMegabytes: 256,
      cpus: 0.5,
      pids: 512,
      stopGraceSeconds: 20,
      after,
    });
  }
}
