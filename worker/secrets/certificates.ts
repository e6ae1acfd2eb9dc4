/** A CA of the deployment's own, and what it signs, by `openssl`. The CA's key stays in the store. */
import { execFile } from 'node:child_process';
import { rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { errorText, MillraceError } from '../errors.ts';
import { type CertificateName, certificates } from './consumers.ts';
import { readIfThere } from './files.ts';

const caDays = 3650;
const days = 365;
/** Renewed when less is left: an operator who starts the kit once a month never meets the end. */
export const renewBeforeSeconds = 30 * 86_400;
const timeoutMs = 30_000;

export class CertificateAuthority {
  readonly #folder: string;

  /** @param folder of the store: `ca.crt`, `ca.key`, and `<name>.crt`, `<name>.key` of each certificate */
  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Makes what is missing, ends soon, is of another CA or has other names. Returns what was made. */
  async ensure(): Promise<readonly string[]> {
    const made: string[] = [];
    if (!(await this.#lasts('ca'))) {
      await this.#makeCa();
      made.push('ca');
    }
    for (const name of Object.keys(certificates) as CertificateName[]) {
      if ((await this.#lasts(name)) && (await this.#fits(name))) continue;
      await this.#sign(name);
      made.push(name);
    }
    return made;
  }

  /** Makes every certificate anew, of the same CA. */
  async renew(): Promise<void> {
    for (const name of Object.keys(certificates) as CertificateName[])
      await rm(this.#at(`${name}.crt`), { force: true });
    await this.ensure();
  }

  read(name: CertificateName | 'ca', kind: 'crt' | 'key'): Promise<string | undefined> {
    return readIfThere(this.#at(`${name}.${kind}`));
  }

  #at(file: string): string {
    return join(this.#folder, file);
  }

  /** It is there, with its key, and long enough valid. */
  async #lasts(name: string): Promise<boolean> {
    if ((await readIfThere(this.#at(`${name}.key`))) === undefined) return false;
    if ((await readIfThere(this.#at(`${name}.crt`))) === undefined) return false;
    return this.#agrees('x509', '-in', this.#at(`${name}.crt`), '-noout', '-checkend', String(renewBeforeSeconds));
  }

  /** Signed by today's CA, with today's names. */
  async #fits(name: CertificateName): Promise<boolean> {
    if (!(await this.#agrees('verify', '-CAfile', this.#at('ca.crt'), this.#at(`${name}.crt`)))) return false;
    const held = await openssl('x509', '-in', this.#at(`${name}.crt`), '-noout', '-ext', 'subjectAltName');
    const names = [...held.matchAll(/DNS:([^,\s]+)/g)].map(([, found = '']) => found);
    return names.join() === certificates[name].names.join();
  }

  async #makeCa(): Promise<void> {
    await this.#makeKey('ca');
    await openssl(
      ...['req', '-x509', '-new', '-key', this.#at('ca.key'), '-out', this.#at('ca.crt.new'), '-days', String(caDays)],
      ...['-sha256', '-subj', '/CN=Millrace deployment CA', '-addext', 'basicConstraints=critical,CA:TRUE,pathlen:0'],
      ...['-addext', 'keyUsage=critical,keyCertSign,cRLSign'],
    );
    await rename(this.#at('ca.crt.new'), this.#at('ca.crt'));
  }

  async #sign(name: CertificateName): Promise<void> {
    const { names, server } = certificates[name];
    const [request, extensions] = [this.#at(`${name}.csr`), this.#at(`${name}.ext`)];
    await this.#makeKey(name);
    await openssl('req', '-new', '-key', this.#at(`${name}.key`), '-out', request, '-subj', `/CN=millrace ${name}`);
    const lines = [
      'basicConstraints = critical,CA:FALSE',
      'keyUsage = critical,digitalSignature',
      // a server that replicates, or that asks another, is a client too
      `extendedKeyUsage = ${server ? 'serverAuth,clientAuth' : 'clientAuth'}`,
      ...(names.length > 0
        ? [`subjectAltName = ${[...names.map((host) => `DNS:${host}`), 'IP:127.0.0.1'].join(',')}`]
        : []),
    ];
    await writeFile(extensions, `${lines.join('\n')}\n`);
    await openssl(
      ...['x509', '-req', '-in', request, '-CA', this.#at('ca.crt'), '-CAkey', this.#at('ca.key'), '-CAcreateserial'],
      ...['-out', this.#at(`${name}.crt.new`), '-days', String(days), '-sha256', '-extfile', extensions],
    );
    await rename(this.#at(`${name}.crt.new`), this.#at(`${name}.crt`));
    await Promise.all([request, extensions].map((file) => rm(file, { force: true })));
  }

  async #makeKey(name: string): Promise<void> {
    const fresh = this.#at(`${name}.key.new`);
    await openssl('ecparam', '-name', 'prime256v1', '-genkey', '-noout', '-out', fresh);
    await rename(fresh, this.#at(`${name}.key`));
  }

  async #agrees(...args: string[]): Promise<boolean> {
    return openssl(...args).then(
      () => true,
      () => false,
    );
  }
}

async function openssl(...args: string[]): Promise<string> {
  try {
    const { stdout } = await promisify(execFile)('openssl', args, { timeout: timeoutMs });
    return stdout;
  } catch (cause) {
    throw new MillraceError({
      code: 'certificates_not_made',
      message: `openssl ${args[0]} failed: ${errorText(cause)}`,
      hint: 'The worker image brings openssl; outside of it, install it.',
      cause,
    });
  }
}
