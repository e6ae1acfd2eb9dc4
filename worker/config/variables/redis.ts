/** Where Redis stands, and how it is spoken to. */
import { decimal, flag, integer, list, oneOf, port, text } from '../variable.ts';

export const redis = {
  REDIS_HOST: text({ doc: 'Redis server. Unset in mode `all`: a private Redis is started.' }),
  REDIS_PORT: port()({ default: 6379, doc: 'Port of the Redis server.' }),
  REDIS_USERNAME: text({ doc: 'ACL user name.' }),
  REDIS_PASSWORD: text({ secret: true, doc: 'Password of the Redis server.' }),
  REDIS_DB: integer(0, 15)({ default: 0, doc: 'Database of the cache and events roles.' }),
  CELERY_BROKER_URL: text({
    secret: true,
    doc: 'Where the queues stand: `redis://`, `rediss://`, or `sentinel://host:26379/1;sentinel://…`. Unset: `REDIS_HOST`, database 1.',
  }),
  REDIS_URL: text({ secret: true, doc: "AIECS's name for `CELERY_BROKER_URL`." }),
  REDIS_USE_SSL: flag({ default: false, doc: 'Speak TLS to Redis.' }),
  BROKER_USE_SSL: flag({ default: false, doc: 'Speak TLS to the broker of `CELERY_BROKER_URL`, as `rediss://` does.' }),
  REDIS_SSL_CERT_REQS: oneOf(
    'CERT_REQUIRED',
    'CERT_OPTIONAL',
    'CERT_NONE',
  )({ doc: 'With TLS only `CERT_REQUIRED`, which is also what unset means: certificates are always checked.' }),
  REDIS_SSL_CA_CERTS: text({ doc: 'Path of the CA certificate of Redis (PEM).' }),
  REDIS_SSL_CERTFILE: text({ doc: 'Path of the client certificate (PEM).' }),
  REDIS_SSL_KEYFILE: text({ doc: "Path of the client certificate's key (PEM)." }),
  REDIS_USE_SENTINEL: flag({ default: false, doc: 'Find the Redis master through sentinels.' }),
  REDIS_SENTINELS: list({ doc: 'Sentinels, `host:port,host:port`.' }),
  REDIS_SENTINEL_SERVICE_NAME: text({ doc: 'Name under which the sentinels watch the master.' }),
  REDIS_SENTINEL_USERNAME: text({ doc: 'ACL user name for the sentinels.' }),
  REDIS_SENTINEL_PASSWORD: text({ secret: true, doc: 'Password of the sentinels.' }),
  REDIS_SENTINEL_SOCKET_TIMEOUT: decimal(
    0,
    60,
    'seconds',
  )({ doc: 'How long a sentinel may take to answer. Less than 1 (with TLS 3) counts as that, and so does unset.' }),
  CELERY_USE_SENTINEL: flag({ default: false, doc: 'The broker URL names sentinels.' }),
  CELERY_SENTINEL_MASTER_NAME: text({ doc: 'Name of the master, for `CELERY_BROKER_URL`.' }),
  CELERY_SENTINEL_PASSWORD: text({ secret: true, doc: 'Password of the sentinels, for `CELERY_BROKER_URL`.' }),
  CELERY_SENTINEL_SOCKET_TIMEOUT: decimal(
    0,
    60,
    'seconds',
  )({ doc: '`REDIS_SENTINEL_SOCKET_TIMEOUT`, for `CELERY_BROKER_URL`.' }),
  REDIS_USE_CLUSTERS: flag({ default: false, doc: 'Redis is a cluster.' }),
  REDIS_CLUSTERS: list({ doc: 'Cluster nodes to begin with, `host:port,host:port`.' }),
  REDIS_CLUSTERS_PASSWORD: text({ secret: true, doc: 'Password of the cluster.' }),
  REDIS_KEY_PREFIX: text({
    doc: 'Leave it unset: keys begin with `{millrace:` on every topology, and a prefix is refused.',
  }),
} as const;
