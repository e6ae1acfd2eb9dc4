/** TLS to Postgres: the server is always proved, by its CA at least. */
import { type ConnectionOptions, checkServerIdentity } from 'node:tls';
import type { DatabaseTls } from '../config/database-target.ts';

/** What the driver hands to Node's TLS. It does not tell it an address that is no name, so the check has it from here. */
export function tlsOptions(host: string, { mode, ca }: DatabaseTls): ConnectionOptions {
  return {
    ...(ca === undefined ? {} : { ca }),
    rejectUnauthorized: true,
    checkServerIdentity: (_, certificate) =>
      mode === 'verify-full' ? checkServerIdentity(host, certificate) : undefined,
  };
}

/** Codes of OpenSSL's verification and of Node's check of names. */
const untrusted =
  /^(ERR_TLS_CERT_ALTNAME_INVALID|CERT_|DEPTH_ZERO_SELF_SIGNED_CERT|SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_|INVALID_CA|INVALID_PURPOSE|HOSTNAME_MISMATCH)/;
/** The driver's words for a server without TLS, and OpenSSL's for one that speaks another. */
const noTls = /server does not support SSL|^ERR_SSL_/;

/** Whether the server did not prove who it is, through wrapped causes: its certificate does not fit, or it has none. */
export function isUntrustedServer(thrown: unknown): boolean {
  for (let error = thrown; error instanceof Error; error = error.cause) {
    const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
    if (untrusted.test(code) || noTls.test(code) || noTls.test(error.message)) return true;
  }
  return false;
}
