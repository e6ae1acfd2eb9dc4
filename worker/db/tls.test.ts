import type { PeerCertificate } from 'node:tls';
import { expect, it } from 'vitest';
import { isUntrustedServer, tlsOptions } from './tls.ts';

const certificate = { subjectaltname: 'DNS:db.example, IP Address:10.0.0.5' } as PeerCertificate;

it('should take a certificate by the name or address that the server is reached at, whatever the driver names', () => {
  const identity = (host: string, mode: 'verify-ca' | 'verify-full') =>
    tlsOptions(host, { mode }).checkServerIdentity?.('localhost', certificate);
  for (const host of ['db.example', '10.0.0.5']) expect(identity(host, 'verify-full')).toBeUndefined();
  for (const host of ['localhost', 'db2.example', '10.0.0.6']) {
    expect(identity(host, 'verify-full')).toMatchObject({ code: 'ERR_TLS_CERT_ALTNAME_INVALID' });
    expect(identity(host, 'verify-ca')).toBeUndefined();
  }
});

it('should always prove the server by a CA', () => {
  expect(tlsOptions('db', { mode: 'verify-ca', ca: 'PEM' })).toMatchObject({ ca: 'PEM', rejectUnauthorized: true });
  expect(tlsOptions('db', { mode: 'verify-full' })).not.toHaveProperty('ca');
});

it('should tell a server that is not trusted from one that fails', () => {
  const withCode = (code: string) => new Error('outer', { cause: Object.assign(new Error('of TLS'), { code }) });
  const codes = [
    'SELF_SIGNED_CERT_IN_CHAIN',
    'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
    'CERT_HAS_EXPIRED',
    'ERR_SSL_WRONG_VERSION_NUMBER',
  ];
  for (const code of codes) expect(isUntrustedServer(withCode(code))).toBe(true);
  expect(isUntrustedServer(new Error('The server does not support SSL connections'))).toBe(true);
  for (const code of ['28P01', 'ECONNREFUSED', '57P03']) expect(isUntrustedServer(withCode(code))).toBe(false);
});
