/** A CA of the deployment's own, and what it signs, by `openssl`. The CA's key stays in the store. */
import { execFile } from 'node:child_process';
import { createPrivateKey, generateKeyPairSync, X509Certificate } from 'node:crypto';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { isErrno, MillraceError } from '../errors.ts';
import { type CertificateName, certificates } from './consumers.ts';
import { readIfThere, writeSecret } from './files.ts';

const caDays = 3650;
const days = 365;
/** Renewed when less is left: half a year, after which a stack asks again (stacks/revisions.ts), and a month to do so. */
const renewBeforeMs = 215 * 86_400_000;
const timeoutMs = 30_000;

export class CertificateAuthority {
  readonly #folder: string;

  /** @param folder of the store: `ca.crt`, `ca.key`, and `<name>.crt`, `<name>.key` of each certificate */
  constructor(folder: string) {
    this.#folder = folder;
  }

  /**
   * Makes what is missing, cannot be read, ends soon, is of another CA or has other names. Returns the names of what was made.
   * @throws MillraceError `certificates_not_made`
   */
  async ensure(): Promise<readonly string[]> {
    const made: string[] = [];
    await writeFile(this.#at('openssl.cnf'), '[req]\ndistinguished_name = none\n[none]\n');
    let ca = await this.#lasting('ca');
    if (!ca) {
      ca = await this.#makeCa();
      made.push('ca');
    }
    for (const name of Object.keys(certificates) as CertificateName[]) {
      const certificate = await this.#lasting(name);
      if (certificate && fits(certificate, ca, name)) continue;
      await this.#sign(name);
      made.push(name);
    }
    return made;
  }

  /** Makes every certificate anew, of the same CA. @throws MillraceError `certificates_not_made` */
  async renew(): Promise<void> {
    for (const name of Object.keys(certificates) as CertificateName[])
      await rm(this.#at(`${name}.crt`), { force: true });
    await this.ensure();
  }

  /** PEM of a certificate or of its key; undefined when there is none. */
  read(name: CertificateName | 'ca', kind: 'crt' | 'key'): Promise<string | undefined> {
    return readIfThere(this.#at(`${name}.${kind}`));
  }

  #at(file: string): string {
    return join(this.#folder, file);
  }

  /** The certificate, if it is there with its key and valid for long enough. */
  async #lasting(name: CertificateName | 'ca'): Promise<X509Certificate | undefined> {
    const [text, key] = await Promise.all([this.read(name, 'crt'), this.read(name, 'key')]);
    if (text === undefined || key === undefined) return undefined;
    const certificate = pairOf(text, key);
    if (certificate === undefined) return undefined;
    return certificate.validToDate.getTime() - Date.now() > renewBeforeMs ? certificate : undefined;
  }

  async #makeCa(): Promise<X509Certificate> {
    await this.#make('ca', caDays, [
      ...['-subj', '/CN=Millrace deployment CA', '-addext', 'basicConstraints=critical,CA:TRUE,pathlen:0'],
      ...['-addext', 'keyUsage=critical,keyCertSign,cRLSign'],
    ]);
    return new X509Certificate((await this.read('ca', 'crt')) ?? '');
  }

  async #sign(name: CertificateName): Promise<void> {
    const { names, server } = certificates[name];
    const alternatives = [...names.map((host) => `DNS:${host}`), 'IP:127.0.0.1'];
    await this.#make(name, days, [
      ...['-CA', this.#at('ca.crt'), '-CAkey', this.#at('ca.key'), '-subj', `/CN=millrace ${name}`],
      ...['-addext', 'basicConstraints=critical,CA:FALSE', '-addext', 'keyUsage=critical,digitalSignature'],
      // a server that replicates, or that asks another, is a client too
      ...['-addext', `extendedKeyUsage=${server ? 'serverAuth,clientAuth' : 'clientAuth'}`],
      ...(server ? ['-addext', `subjectAltName=${alternatives.join(',')}`] : []),
    ]);
  }

  /** A new key and its certificate; a kill between the two leaves a pair that does not fit, which is made again. */
  async #make(name: CertificateName | 'ca', validDays: number, options: readonly string[]): Promise<void> {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
    await writeSecret(this.#at(`${name}.key`), pem);
    const certificate = await openssl(
      ...['req', '-x509', '-new', '-sha256', '-key', this.#at(`${name}.key`)],
      // without a configuration file that is the machine's, and would add extensions of its own
      ...['-config', this.#at('openssl.cnf'), '-days', String(validDays), ...options],
    );
    await writeSecret(this.#at(`${name}.crt`), certificate);
  }
}

/** The certificate of that key. Undefined: another's, or one of the two is damaged, as a machine that lost its power may leave it. */
function pairOf(text: string, key: string): X509Certificate | undefined {
  try {
    const certificate = new X509Certificate(text);
    return certificate.checkPrivateKey(createPrivateKey(key)) ? certificate : undefined;
  } catch {
    return undefined;
  }
}

/** True: `certificate` is of this CA and for these names. */
function fits(certificate: X509Certificate, ca: X509Certificate, name: CertificateName): boolean {
  const names = [...(certificate.subjectAltName ?? '').matchAll(/DNS:([^,\s]+)/g)].map(([, found = '']) => found);
  return certificate.verify(ca.publicKey) && names.join() === certificates[name].names.join();
}

/** What it prints. @throws MillraceError `certificates_not_made` */
async function openssl(...args: string[]): Promise<string> {
  try {
    const { stdout } = await promisify(execFile)('openssl', args, { timeout: timeoutMs });
    return stdout;
  } catch (cause) {
    const missing = isErrno(cause, 'ENOENT');
    throw new MillraceError({
      code: 'certificates_not_made',
      message: missing
        ? 'There is no openssl on the PATH.'
        : `openssl ${args[0]} failed, or took over ${timeoutMs / 1000} s.`,
      hint: missing ? 'The worker image brings it; outside of it, install it.' : 'Its own words tell why.',
      cause,
    });
  }
}
