/** Who gets which secret: one volume a consumer, one secret a file. docs/reference/kit.md shows this table. */
import type { GivenSecret } from '../config/given.ts';
import type { AclUserName } from '../redis/index.ts';

/** Passwords that the store holds, by name. Those of Redis and its sentinels are named as their users. */
export const databaseRoles = [
  'postgres',
  'millrace_migrate',
  'millrace_api',
  'millrace_worker',
  'millrace_beat',
] as const;
export type DatabaseRole = (typeof databaseRoles)[number];

/** What a file holds. */
export type Content =
  | { readonly kind: 'database-password'; readonly role: DatabaseRole }
  | { readonly kind: 'redis-password'; readonly user: AclUserName }
  | { readonly kind: 'api-key' }
  | { readonly kind: 'weaviate-key' }
  /** What `.env` sets; without it there is no such file. */
  | { readonly kind: 'given'; readonly variable: GivenSecret }
  /** The SQL that gives each role its password, as a SCRAM verifier. */
  | { readonly kind: 'roles-sql' }
  /** An ACL file: these users with hashed passwords, and the default user off. */
  | { readonly kind: 'acl'; readonly users: readonly AclUserName[] }
  | { readonly kind: 'ca' }
  /** Of a Postgres that is not the kit's; without TLS to it there is no such file. */
  | { readonly kind: 'database-ca' }
  | { readonly kind: 'certificate' | 'key'; readonly of: CertificateName };

/** Certificates that the CA signs. */
export const certificates = {
  api: { names: [], server: false },
  worker: { names: [], server: false },
  beat: { names: [], server: false },
  producer: { names: [], server: false },
  metrics: { names: [], server: false },
  redis: { names: ['redis', 'redis-1', 'redis-2', 'redis-3', 'redis-4', 'redis-5', 'localhost'], server: true },
  sentinel: { names: ['sentinel-0', 'sentinel-1', 'sentinel-2', 'localhost'], server: true },
} as const satisfies Record<string, { readonly names: readonly string[]; readonly server: boolean }>;
export type CertificateName = keyof typeof certificates;

export interface Consumer {
  /** User and group that own the files. */
  readonly uid: number;
  /** Of an overlay: without it there is no volume, and nothing is written. */
  readonly overlay?: true;
  readonly files: Readonly<Record<string, Content>>;
}

const millrace = 1001;
/** Of Redis' and of Postgres' images alike. */
const server = 999;

const database = (role: DatabaseRole) =>
  ({ db_password: { kind: 'database-password', role }, 'db_ca.crt': { kind: 'database-ca' } }) as const;
const redis = (user: AclUserName, certificate: CertificateName) =>
  ({
    redis_password: { kind: 'redis-password', user },
    redis_sentinel_password: { kind: 'redis-password', user: 'millrace-sentinel-client' },
    'ca.crt': { kind: 'ca' },
    'client.crt': { kind: 'certificate', of: certificate },
    'client.key': { kind: 'key', of: certificate },
  }) as const;
const outward = {
  openai_api_key: { kind: 'given', variable: 'OPENAI_API_KEY' },
  opendal_s3_secret_access_key: { kind: 'given', variable: 'OPENDAL_S3_SECRET_ACCESS_KEY' },
} as const;
const tlsServer = (certificate: CertificateName) =>
  ({
    'ca.crt': { kind: 'ca' },
    'server.crt': { kind: 'certificate', of: certificate },
    'server.key': { kind: 'key', of: certificate },
  }) as const;

export const consumers = {
  api: {
    uid: millrace,
    files: { ...database('millrace_api'), ...redis('millrace-api', 'api'), ...outward, api_key: { kind: 'api-key' } },
  },
  worker: {
    uid: millrace,
    files: { ...database('millrace_worker'), ...redis('millrace-worker', 'worker'), ...outward },
  },
  beat: { uid: millrace, files: { ...database('millrace_beat'), ...redis('millrace-beat', 'beat') } },
  migrate: { uid: millrace, files: database('millrace_migrate') },
  postgres: {
    uid: server,
    files: {
      superuser_password: { kind: 'database-password', role: 'postgres' },
      'roles.sql': { kind: 'roles-sql' },
    },
  },
  redis: {
    uid: server,
    files: {
      'users.acl': {
        kind: 'acl',
        users: [
          ...(['millrace-api', 'millrace-worker', 'millrace-beat', 'millrace-producer', 'millrace-metrics'] as const),
          ...(['millrace-health', 'millrace-replica', 'millrace-sentinel', 'millrace-cluster'] as const),
        ],
      },
      replica_password: { kind: 'redis-password', user: 'millrace-replica' },
      health_password: { kind: 'redis-password', user: 'millrace-health' },
      cluster_password: { kind: 'redis-password', user: 'millrace-cluster' },
      ...tlsServer('redis'),
    },
  },
  sentinel: {
    uid: server,
    files: {
      'users.acl': { kind: 'acl', users: ['millrace-sentinel-client', 'millrace-sentinel-peer', 'millrace-health'] },
      sentinel_password: { kind: 'redis-password', user: 'millrace-sentinel' },
      peer_password: { kind: 'redis-password', user: 'millrace-sentinel-peer' },
      health_password: { kind: 'redis-password', user: 'millrace-health' },
      ...tlsServer('sentinel'),
    },
  },
  /** Of the overlay `weaviate`; its image runs as 1000. */
  weaviate: { uid: 1000, overlay: true, files: { api_key: { kind: 'weaviate-key' } } },
  producer: { uid: millrace, files: redis('millrace-producer', 'producer') },
  metrics: {
    uid: millrace,
    files: {
      redis_password: { kind: 'redis-password', user: 'millrace-metrics' },
      'ca.crt': { kind: 'ca' },
      'client.crt': { kind: 'certificate', of: 'metrics' },
      'client.key': { kind: 'key', of: 'metrics' },
    },
  },
} as const satisfies Record<string, Consumer>;
export type ConsumerName = keyof typeof consumers;

export const consumerNames = Object.keys(consumers) as ConsumerName[];
