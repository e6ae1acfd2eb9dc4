/** Certificates for a server of a test's own, by `openssl`. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { command } from './docker.ts';

export interface ServerCertificate {
  /** Of the CA, PEM. */
  readonly ca: string;
  readonly certificate: string;
  readonly key: string;
}

/** A CA, and what it signed for `name` (`DNS:…`, `IP:…`). */
export async function serverCertificate(name: string): Promise<ServerCertificate> {
  const folder = await mkdtemp(join(tmpdir(), 'millrace-certificate-'));
  const openssl = (...args: string[]) => command('openssl', args, { cwd: folder });
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  try {
    await openssl('req', '-x509', ...newKey, '-keyout', 'ca.key', '-out', 'ca.crt', '-days', '2', '-subj', '/CN=a CA');
    await openssl('req', ...newKey, '-keyout', 'server.key', '-out', 'server.csr', '-subj', '/CN=a server');
    await writeFile(join(folder, 'names'), `subjectAltName = ${name}\n`);
    const signed = ['-CA', 'ca.crt', '-CAkey', 'ca.key', '-CAcreateserial', '-days', '2', '-extfile', 'names'];
    await openssl('x509', '-req', '-in', 'server.csr', '-out', 'server.crt', ...signed);
    const [ca = '', certificate = '', key = ''] = await Promise.all(
      ['ca.crt', 'server.crt', 'server.key'].map((file) => readFile(join(folder, file), 'utf8')),
    );
    return { ca, certificate, key };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
