import { Service } from './service.ts';
import type { Gated } from './service-props.ts';
import type { System } from './system.ts';
import { kitFolder, secretFile, secretsOf } from './worker-image.ts';

export interface PostgresProps {
  readonly image: string;
  /** @default 400 */
  readonly maxConnections?: number;
  /** @default 1024 */
  readonly memoryMegabytes?: number;
  /** @default 1 */
  readonly cpus?: number;
  /** Files of compose/postgres. */
  readonly configuration: readonly string[];
  readonly after: readonly Gated[];
}

/** The ledger's database, with pgvector. */
export class Postgres extends Service {
  constructor(
    system: System,
    { image, maxConnections = 400, memoryMegabytes = 1024, cpus = 1, configuration, after }: PostgresProps,
  ) {
    super(system, {
      service: 'db_postgres',
      image,
      entrypoint: ['/bin/sh', '/etc/millrace/postgres/start.sh'],
      user: '999:999',
      environment: {
        POSTGRES_USER: 'postgres',
        POSTGRES_DB: 'millrace',
        POSTGRES_PASSWORD_FILE: secretFile('superuser_password'),
        POSTGRES_MAX_CONNECTIONS: String(maxConnections),
        PGDATA: '/var/lib/postgresql/data/pgdata',
      },
      networks: ['data'],
      mounts: [
        kitFolder('postgres'),
        { path: 'compose/postgres/initdb', target: '/docker-entrypoint-initdb.d' },
        secretsOf('postgres'),
        { volume: 'postgres_data', target: '/var/lib/postgresql/data' },
      ],
      configuration,
      tmpfs: { '/var/run/postgresql': 'size=1m,uid=999,gid=999,mode=0750' },
      health: ['pg_isready', '-q', '-h', '127.0.0.1', '-U', 'postgres', '-d', 'millrace'],
      memoryMegabytes,
      cpus,
      pids: 512,
      stopGraceSeconds: 60,
      init: true,
      sharedMemoryMegabytes: 128,
      after,
    });
  }
}
