import type { ExternalServers } from './external-servers.ts';
import { Service } from './service.ts';
import type { Gated } from './service-props.ts';
import type { System } from './system.ts';
import { database, logs, secretsOf, workerUser } from './worker-image.ts';

export interface MigrationsProps {
  readonly image: string;
  /** What an operator sets. */
  readonly environment: Readonly<Record<string, string>>;
  /** An operator's own Postgres. @default the kit's */
  readonly servers?: ExternalServers;
  readonly after: readonly Gated[];
}

/** The one-shot that brings the database's schema up to what the image needs. */
export class Migrations extends Service {
  constructor(system: System, { image, environment, servers, after }: MigrationsProps) {
    super(system, {
      service: 'migrate',
      image,
      user: workerUser,
      environment: {
        ...environment,
        MODE: 'migrate',
        MIGRATION_ENABLED: 'true',
        ...database('migrate'),
        ...servers?.database,
      },
      networks: ['data'],
      mounts: [secretsOf('migrate'), logs],
      memoryMegabytes: 256,
      cpus: 1,
      pids: 512,
      stopGraceSeconds: 10,
      after,
    });
  }
}
