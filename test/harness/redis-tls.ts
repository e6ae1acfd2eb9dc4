/** Certificates for servers that speak TLS only and ask clients for theirs. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ConnectionOptions } from 'node:tls';

export interface RedisTls extends Disposable {
  /** Lines of redis.conf: TLS on `port` and nowhere else, between servers too. */
  settings(port: number): readonly string[];
  /** Dify's variables of a client with a certificate. */
  readonly environment: Readonly<Record<string, string>>;
  /** For commands of the harness itself. */
  readonly client: ConnectionOptions;
  /** Arguments of redis-cli. */
  readonly cliArguments: readonly string[];
  /** The certificate of a CA that signed none of these. */
  readonly foreignCaFile: string;
}

const days = '2';

/** A CA, a server's certificate for `names` (localhost among them), a client's, and a second CA. */
export function createTls(names: readonly string[] = ['IP:127.0.0.1', 'DNS:localhost']): RedisTls {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-test-tls-'));
  const at = (name: string) => join(folder, name);
  const openssl = (...args: string[]) => execFileSync('openssl', args, { cwd: folder, stdio: 'pipe' });
  const key = (name: string) =>
    openssl('ecparam', '-name', 'prime256v1', '-genkey', '-noout', '-out', at(`${name}.key`));
  const ca = (name: string) => {
    key(name);
    openssl(
      'req',
      '-x509',
      '-new',
      '-key',
      `${name}.key`,
      '-out',
      `${name}.crt`,
      '-days',
      days,
      '-subj',
      `/CN=${name}`,
    );
  };
  const certificate = (name: string, extensions: string) => {
    key(name);
    openssl('req', '-new', '-key', `${name}.key`, '-out', `${name}.csr`, '-subj', `/CN=${name}`);
    writeFileSync(at(`${name}.ext`), extensions);
    openssl(
      ...['x509', '-req', '-in', `${name}.csr`, '-CA', 'ca.crt', '-CAkey', 'ca.key', '-CAcreateserial'],
      ...['-out', `${name}.crt`, '-days', days, '-extfile', `${name}.ext`],
    );
  };
  ca('ca');
  ca('foreign-ca');
  // without extendedKeyUsage: a server is a client too when it replicates
  certificate('server', `subjectAltName = ${names.join(', ')}\n`);
  certificate('client', 'keyUsage = digitalSignature\n');

  const read = (name: string) => readFileSync(at(name), 'utf8');
  return {
    settings: (port) => [
      'port 0',
      `tls-port ${port}`,
      `tls-ca-cert-file ${at('ca.crt')}`,
      `tls-cert-file ${at('server.crt')}`,
      `tls-key-file ${at('server.key')}`,
      'tls-auth-clients yes',
      'tls-replication yes',
    ],
    environment: {
      REDIS_USE_SSL: 'true',
      REDIS_SSL_CA_CERTS: at('ca.crt'),
      REDIS_SSL_CERTFILE: at('client.crt'),
      REDIS_SSL_KEYFILE: at('client.key'),
    },
    client: { ca: read('ca.crt'), cert: read('client.crt'), key: read('client.key'), servername: 'localhost' },
    cliArguments: ['--tls', '--cacert', at('ca.crt'), '--cert', at('client.crt'), '--key', at('client.key')],
    foreignCaFile: at('foreign-ca.crt'),
    [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }),
  };
}
