/** The two one-shots of root that prepare the volumes: who owns them, and the secrets in them. */
import type { Topology } from './redis.ts';
import { Service } from './service.ts';
import type { System } from './system.ts';
import { kitFolder } from './worker-image.ts';

const rootOneShot = {
  user: '0:0',
  networks: [],
  memoryMegabytes: 256,
  cpus: 1,
  pids: 64,
  stopGraceSeconds: 10,
  capabilities: ['CHOWN', 'DAC_OVERRIDE', 'FOWNER'],
} as const;

export interface InitPermissionsProps {
  /** The worker image. */
  readonly image: string;
  /** Data volumes that it hands to their users. */
  readonly volumes: readonly string[];
  /** Files of compose/init. */
  readonly configuration: readonly string[];
}

/** Hands each data volume to the user of the service that writes to it. */
export class InitPermissions extends Service {
  constructor(system: System, { image, volumes, configuration }: InitPermissionsProps) {
    super(system, {
      ...rootOneShot,
      service: 'init_permissions',
      image,
      entrypoint: ['/bin/sh', '/etc/millrace/init/permissions.sh'],
      mounts: [kitFolder('init'), ...volumes.map((volume) => ({ volume, target: `/volumes/${volume}` }))],
      configuration,
    });
  }
}

export interface SecretsProps {
  /** The worker image. */
  readonly image: string;
  readonly topology: Topology | 'external';
  readonly tls: boolean;
  /** MILLRACE_DB_SSL_MODE of a Postgres of the operator's own. @default no TLS */
  readonly databaseTls?: string;
  /** Each gets a volume `secrets_<consumer>` with its own secrets. */
  readonly consumers: readonly string[];
  /** Folder of the checkout that the API key is written to. */
  readonly keyFolder: string;
}

/** Makes passwords, the ACL of Redis, certificates and the API key once, and writes to each consumer what it may know. */
export class Secrets extends Service {
  constructor(system: System, { image, topology, tls, databaseTls, consumers, keyFolder }: SecretsProps) {
    super(system, {
      ...rootOneShot,
      service: 'secrets',
      image,
      command: ['secrets'],
      environment: {
        MILLRACE_TOPOLOGY: topology,
        MILLRACE_TLS: String(tls),
        ...(databaseTls === undefined ? {} : { MILLRACE_DB_SSL_MODE: databaseTls }),
      },
      mounts: [
        { volume: 'secrets_store', target: '/run/millrace/store' },
        ...consumers.map((consumer) => ({
          volume: `secrets_${consumer}`,
          target: `/run/millrace/consumers/${consumer}`,
        })),
        { path: 'compose', target: '/run/millrace/compose' },
        { path: keyFolder, target: '/run/millrace/host', writable: true },
      ],
    });
  }
}
