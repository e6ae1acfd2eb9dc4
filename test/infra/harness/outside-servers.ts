/** Redis and Postgres that are not of the kit, on the address by which containers reach this host. */
import { randomBytes } from 'node:crypto';
import { imageFor } from '../../harness/docker-images.ts';
import { freePort } from '../../harness/processes.ts';
import { until } from '../../harness/until.ts';
import { type ServerCertificate, serverCertificate } from './certificates.ts';
import { docker } from './docker.ts';

export interface OutsideServers extends AsyncDisposable {
  /** Where they stand, as compose/.env would say it. */
  readonly variables: Readonly<Record<string, string>>;
  readonly redisPassword: string;
  readonly databasePassword: string;
  /** Of Postgres, where it speaks TLS. */
  readonly certificate: ServerCertificate | undefined;
  /** One row, its columns parted by `|`, asked inside the container of Postgres. */
  sql(statement: string): Promise<string>;
}

export interface OutsideOptions {
  /** For whom Postgres has a certificate: the address it is reached at, or somebody else. @default no TLS */
  readonly postgresTls?: 'itself' | 'another';
}

const inside = {
  certificate: '/tmp/server.crt',
  key: '/tmp/server.key',
};
/** The image's own start, with a key that is its user's alone. */
const startWithTls = `umask 077
printf '%s' "$SERVER_CERTIFICATE" >${inside.certificate}
printf '%s' "$SERVER_KEY" >${inside.key}
chown postgres ${inside.certificate} ${inside.key}
exec docker-entrypoint.sh postgres "$@" -c ssl=on -c ssl_cert_file=${inside.certificate} -c ssl_key_file=${inside.key}`;

export async function outsideServers({ postgresTls }: OutsideOptions = {}): Promise<OutsideServers> {
  const [redisPassword, databasePassword] = [randomBytes(18).toString('hex'), randomBytes(18).toString('hex')];
  await using stack = new AsyncDisposableStack();
  const format = '{{(index .IPAM.Config 0).Gateway}}';
  const gateway = (await docker(['network', 'inspect', 'bridge', '--format', format])).trim();
  const start = async (port: number, containerPort: number, ...args: readonly string[]) => {
    const publish = ['--publish', `${gateway}:${port}:${containerPort}`];
    const id = (await docker(['run', '--detach', ...publish, ...args])).trim();
    stack.defer(async () => {
      await docker(['rm', '--force', '--volumes', id]);
    });
    return id;
  };

  const [redisPort, databasePort] = [await freePort(), await freePort()];
  const settings = ['redis-server', '--requirepass', redisPassword, '--appendonly', 'yes', '--maxmemory', '200mb'];
  await start(redisPort, 6379, imageFor('REDIS_IMAGE'), ...settings, '--maxmemory-policy', 'noeviction');

  const named = { itself: `IP:${gateway}`, another: 'DNS:another.example' };
  const certificate = postgresTls === undefined ? undefined : await serverCertificate(named[postgresTls]);
  const env = ['--env', `POSTGRES_PASSWORD=${databasePassword}`, '--env', 'POSTGRES_DB=millrace'];
  const connections = ['-c', 'max_connections=400'];
  const image = imageFor('POSTGRES_IMAGE');
  const how =
    certificate === undefined
      ? [image, 'postgres', ...connections]
      : [
          ...['--env', `SERVER_CERTIFICATE=${certificate.certificate}`, '--env', `SERVER_KEY=${certificate.key}`],
          ...['--entrypoint', '/bin/sh', image, '-c', startWithTls, 'start', ...connections],
        ];
  const database = await start(databasePort, 5432, ...env, ...how);
  await until('Postgres answers', 120_000, async () => {
    await docker(['exec', database, 'pg_isready', '-h', '127.0.0.1', '-d', 'millrace']);
    return true;
  });

  const owned = stack.move();
  return {
    variables: {
      DB_HOST: gateway,
      DB_PORT: String(databasePort),
      REDIS_HOST: gateway,
      REDIS_PORT: String(redisPort),
    },
    redisPassword,
    databasePassword,
    certificate,
    async sql(statement) {
      const psql = ['psql', '-XAt', '-v', 'ON_ERROR_STOP=1', '-U', 'postgres', '-d', 'millrace', '-c', statement];
      return (await docker(['exec', '--user', 'postgres', database, ...psql])).trim();
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}
