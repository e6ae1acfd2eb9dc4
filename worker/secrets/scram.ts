/** Postgres' form of a password that is kept and never sent: RFC 5803, as `pg_authid` holds it. */
import { createHash, createHmac, pbkdf2Sync, randomBytes } from 'node:crypto';

/** Postgres' own number. */
const iterations = 4096;
const keyBytes = 32;
const saltBytes = 16;

export const newSalt = (): string => randomBytes(saltBytes).toString('base64');

/**
 * `SCRAM-SHA-256$4096:salt$StoredKey:ServerKey`, which `ALTER ROLE … PASSWORD` takes as it is.
 * @param password printable ASCII, so that SASLprep leaves it as it is
 * @param salt base64
 */
export function scramVerifier(password: string, salt: string): string {
  const salted = pbkdf2Sync(password, Buffer.from(salt, 'base64'), iterations, keyBytes, 'sha256');
  const hmac = (text: string) => createHmac('sha256', salted).update(text).digest();
  const stored = createHash('sha256').update(hmac('Client Key')).digest('base64');
  return `SCRAM-SHA-256$${iterations}:${salt}$${stored}:${hmac('Server Key').toString('base64')}`;
}
