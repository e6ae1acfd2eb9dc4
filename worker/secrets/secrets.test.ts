import { execFileSync } from 'node:child_process';
import { createHash, createHmac, pbkdf2Sync } from 'node:crypto';
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { StartError } from '../errors.ts';
import { type ConsumerName, type Content, certificates, consumerNames, consumers } from './consumers.ts';
import { makeSecrets, type SecretsOptions } from './make-secrets.ts';

let root: string;
let said: string[];
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'millrace-secrets-'));
  said = [];
  for (const folder of ['compose', 'host', 'consumers/weaviate']) mkdirSync(join(root, folder), { recursive: true });
  env('# nothing is set\n');
  writeFileSync(
    join(root, 'compose/.env.example'),
    'LOG_LEVEL=INFO\n# REDIS_PASSWORD=\nDB_PASSWORD=\nMILLRACE_API_KEY=\n',
  );
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const env = (text: string) => writeFileSync(join(root, 'compose/.env'), text);
const make = (options: Partial<SecretsOptions> = {}) =>
  makeSecrets({
    store: join(root, 'store'),
    consumers: join(root, 'consumers'),
    compose: join(root, 'compose'),
    host: join(root, 'host'),
    topology: 'standalone',
    tls: false,
    databaseTls: false,
    rotate: false,
    rotateApiKey: false,
    owned: false,
    say: (line) => said.push(line),
    ...options,
  });
/** Without those that are there only when .env, or a Postgres of the operator's own, sets them. */
const filesOf = (name: ConsumerName) =>
  Object.entries<Content>(consumers[name].files).flatMap(([file, { kind }]) =>
    kind === 'given' || kind === 'database-ca' ? [] : [file],
  );
const of = (consumer: string, file: string) => readFileSync(join(root, 'consumers', consumer, file), 'utf8');
const all = () =>
  Object.fromEntries(consumerNames.flatMap((name) => filesOf(name).map((file) => [`${name}/${file}`, of(name, file)])));
const refused = async (options: Partial<SecretsOptions> = {}) => {
  const error = await make(options).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(StartError);
  return error instanceof StartError ? error.message : '';
};

describe('the secrets of a deployment', () => {
  it('should give each consumer its files, readable by their owner only, and nothing else', async () => {
    mkdirSync(join(root, 'consumers/worker'), { recursive: true });
    writeFileSync(join(root, 'consumers/worker/left-over'), 'of an older release');
    await make();
    for (const name of consumerNames) {
      const folder = join(root, 'consumers', name);
      expect(readdirSync(folder).sort()).toEqual(filesOf(name).sort());
      for (const file of readdirSync(folder)) expect(statSync(join(folder, file)).mode & 0o777).toBe(0o400);
    }
  });

  it('should write nothing for an overlay that is not deployed', async () => {
    rmSync(join(root, 'consumers/weaviate'), { recursive: true });
    await make();
    expect(readdirSync(join(root, 'consumers'))).not.toContain('weaviate');
  });

  it('should change nothing when it runs again', async () => {
    await make();
    const before = all();
    said = [];
    await make();
    expect(all()).toEqual(before);
    expect(said).toEqual([]);
  });

  it('should give no two services the same password', async () => {
    await make();
    const files = [
      'api/db_password',
      'worker/db_password',
      'beat/db_password',
      'migrate/db_password',
      'api/redis_password',
    ];
    const passwords = [...files, 'worker/redis_password', 'beat/redis_password', 'producer/redis_password'].map(
      (file) => all()[file],
    );
    expect(new Set(passwords).size).toBe(passwords.length);
  });

  it('should show Redis and Postgres hashes of the passwords of services', async () => {
    await make();
    const password = of('worker', 'redis_password');
    const acl = of('redis', 'users.acl');
    expect(acl).toContain(`user millrace-worker on #${createHash('sha256').update(password).digest('hex')} `);
    expect(acl).toMatch(/^user default off resetpass ~\* &\* \+@all$/m);
    expect(acl).not.toContain(password);
    expect(of('postgres', 'roles.sql')).not.toContain(of('worker', 'db_password'));
  });

  it('should make SCRAM verifiers as RFC 5803 has them', async () => {
    await make();
    const line = of('postgres', 'roles.sql')
      .split('\n')
      .find((text) => text.includes(' millrace_worker '));
    const [, iterations = '', salt = '', stored] = /SCRAM-SHA-256\$(\d+):([^$]+)\$([^:]+):/.exec(line ?? '') ?? [];
    const salted = pbkdf2Sync(
      of('worker', 'db_password'),
      Buffer.from(salt, 'base64'),
      Number(iterations),
      32,
      'sha256',
    );
    const clientKey = createHmac('sha256', salted).update('Client Key').digest();
    expect(stored).toBe(createHash('sha256').update(clientKey).digest('base64'));
  });

  it('should sign each certificate for its names, with a CA whose key no consumer gets', async () => {
    await make();
    const file = (name: string, kind: string) => join(root, 'consumers', name, kind);
    for (const name of ['redis', 'sentinel'] as const) {
      const names = execFileSync('openssl', [
        'x509',
        '-in',
        file(name, 'server.crt'),
        '-noout',
        '-ext',
        'subjectAltName',
      ]).toString();
      for (const host of certificates[name].names) expect(names).toContain(`DNS:${host}`);
      execFileSync('openssl', [
        'verify',
        '-CAfile',
        file(name, 'ca.crt'),
        '-purpose',
        'sslserver',
        file(name, 'server.crt'),
      ]);
    }
    execFileSync('openssl', [
      'verify',
      '-CAfile',
      file('api', 'ca.crt'),
      '-purpose',
      'sslclient',
      file('api', 'client.crt'),
    ]);
    const authorityKey = readFileSync(join(root, 'store/ca.key'), 'utf8');
    expect(Object.values(all())).not.toContain(authorityKey);
  });

  it('should make certificates anew that cannot be read, as a power cut may leave them', async () => {
    await make();
    const before = all();
    for (const file of ['redis.crt', 'api.key']) chmodSync(join(root, 'store', file), 0o600);
    writeFileSync(join(root, 'store/redis.crt'), '');
    writeFileSync(join(root, 'store/api.key'), '-----BEGIN PRIVATE KEY-----\n');
    await make();
    expect(said).toContain('made certificates: api, redis');
    const changed = Object.keys(before).filter((file) => before[file] !== all()[file]);
    expect(changed.sort()).toEqual(['api/client.crt', 'api/client.key', 'redis/server.crt', 'redis/server.key']);
  });

  it('should renew a certificate that would end within the half-year after which a stack asks again, and a month', async () => {
    await make();
    const ofCa = ['-CA', join(root, 'store/ca.crt'), '-CAkey', join(root, 'store/ca.key'), '-subj', '/CN=millrace api'];
    const ending = (days: number) => {
      const file = join(root, 'store/api.crt');
      chmodSync(file, 0o600);
      const key = ['-key', join(root, 'store/api.key'), '-config', join(root, 'store/openssl.cnf')];
      execFileSync('openssl', ['req', '-x509', '-new', ...key, '-days', String(days), ...ofCa, '-out', file]);
    };
    for (const days of [220, 214]) {
      said = [];
      ending(days);
      await make();
      expect([days, said.includes('made certificates: api')]).toEqual([days, days < 184 + 31]);
    }
  });

  it('should put the API key alone on the host, and take over the one that stands there', async () => {
    writeFileSync(join(root, 'host/api-key'), 'mr-of-the-embedded-default\n');
    await make();
    expect(of('api', 'api_key')).toBe('mr-of-the-embedded-default');
    rmSync(join(root, 'host/api-key'));
    await make();
    expect(readFileSync(join(root, 'host/api-key'), 'utf8')).toBe('mr-of-the-embedded-default\n');
    expect(statSync(join(root, 'host/api-key')).mode & 0o777).toBe(0o600);
    expect(readdirSync(join(root, 'host'))).toEqual(['api-key']);
  });

  it('should refuse a key on the host that is too short, and leave it there', async () => {
    writeFileSync(join(root, 'host/api-key'), 'short\n');
    expect(await refused()).toContain('.millrace/api-key: expected at least 16 characters, instead got 5');
    expect(readFileSync(join(root, 'host/api-key'), 'utf8')).toBe('short\n');
  });

  it('should change no secret when it refuses the key on the host', async () => {
    await make();
    const before = all();
    writeFileSync(join(root, 'host/api-key'), 'short\n');
    await refused({ rotate: true, rotateApiKey: true });
    rmSync(join(root, 'host/api-key'));
    await make();
    expect(all()).toEqual(before);
  });
});

describe('the .env of a Dify installation', () => {
  it('should give its passwords to whom outsiders log in as', async () => {
    env('DB_PASSWORD=x8-Qw2zzLkP0-taken\nREDIS_PASSWORD=taken-Over-7391-too\nMILLRACE_API_KEY=app-31337-the-old-key\n');
    await make();
    expect(of('postgres', 'superuser_password')).toBe('x8-Qw2zzLkP0-taken');
    expect(of('producer', 'redis_password')).toBe('taken-Over-7391-too');
    expect(of('api', 'api_key')).toBe('app-31337-the-old-key');
    expect(of('api', 'redis_password')).not.toBe('taken-Over-7391-too');
  });

  it.each(['difyai123456', 'Difyai123456', 'password', 'postgres2024!', 'short-one', 'aaaaaaaaaaaaaaaa'])(
    'should be refused with the password %s, which is not shown',
    async (password) => {
      env(`REDIS_PASSWORD=${password}\n`);
      const message = await refused();
      expect(message).toMatch(/REDIS_PASSWORD: it (is a default|has \d+ characters|is made of)/);
      expect(message).not.toContain(password);
    },
  );

  it('should be refused with a reference in place of a password, which would be one that everybody can guess', async () => {
    const line = `POSTGRES_PASSWORD=\${DB_PASSWORD}\n`;
    env(line);
    expect(await refused()).toContain('POSTGRES_PASSWORD: expected the password itself, instead got a reference');
    env(`DB_PASSWORD=x8-Qw2zzLkP0-taken\n${line}`);
    await make();
    expect(of('postgres', 'superuser_password')).toBe('x8-Qw2zzLkP0-taken');
  });

  it('should be refused with an API key that the API would not take', async () => {
    env('MILLRACE_API_KEY=fifteen-letters\n');
    expect(await refused()).toContain('MILLRACE_API_KEY: it has 15 characters, and 16 are the least');
  });

  it('should be told which of its lines mean nothing here, and that broker URLs are built from parts', async () => {
    env(
      'NGINX_PORT=80\nLOG_LEVEL=DEBUG\nEMPTY=\nCELERY_BROKER_URL=redis://:difyai123456@redis:6379/1\nCOMPOSE_PROFILES=x\n',
    );
    await make();
    expect(said).toContain('mean nothing here: NGINX_PORT');
    expect(said).toContain('built from their parts, and not read: CELERY_BROKER_URL');
    expect(said.join()).not.toContain('difyai123456');
  });
});

describe('secrets of services outside', () => {
  it('should reach those that call them, as files, and go with their line of .env', async () => {
    env('OPENAI_API_KEY=sk-short\n');
    await make();
    expect([of('api', 'openai_api_key'), of('worker', 'openai_api_key')]).toEqual(['sk-short', 'sk-short']);
    expect(readdirSync(join(root, 'consumers/beat'))).not.toContain('openai_api_key');
    env('');
    await make();
    expect(readdirSync(join(root, 'consumers/api'))).not.toContain('openai_api_key');
  });
});

describe('rotation', () => {
  it('should change every password and certificate, and keep the CA, the API key and what .env sets', async () => {
    env('DB_PASSWORD=x8-Qw2zzLkP0-taken\n');
    await make();
    const before = all();
    await make({ rotate: true });
    const kept = Object.keys(before).filter((file) => before[file] === all()[file]);
    const authorities = consumerNames
      .filter((name) => 'ca.crt' in consumers[name].files)
      .map((name) => `${name}/ca.crt`);
    expect(kept.sort()).toEqual([...authorities, 'api/api_key', 'postgres/superuser_password'].sort());
  });

  it('should change the API key when asked to', async () => {
    await make();
    const before = of('api', 'api_key');
    await make({ rotate: true, rotateApiKey: true });
    expect(of('api', 'api_key')).not.toBe(before);
    expect(readFileSync(join(root, 'host/api-key'), 'utf8').trim()).toBe(of('api', 'api_key'));
  });
});

describe('servers that are not of the kit', () => {
  const external = { topology: 'external' } as const;

  it('should be reached with the passwords of .env, by every service', async () => {
    env('DB_PASSWORD=their-Postgres-881\nREDIS_PASSWORD=their-Redis-4410\nREDIS_SENTINEL_PASSWORD=their-Sentinel-97\n');
    await make(external);
    for (const name of ['api', 'worker', 'beat']) {
      expect(of(name, 'db_password')).toBe('their-Postgres-881');
      expect(of(name, 'redis_password')).toBe('their-Redis-4410');
      expect(of(name, 'redis_sentinel_password')).toBe('their-Sentinel-97');
    }
  });

  it('should be reached with the password of Redis at sentinels too, where .env has none of their own', async () => {
    env('DB_PASSWORD=their-Postgres-881\nREDIS_PASSWORD=their-Redis-4410\n');
    await make(external);
    expect(of('api', 'redis_sentinel_password')).toBe('their-Redis-4410');
  });

  it('should be reached by TLS to Postgres with its CA, by whoever asks it', async () => {
    env('DB_PASSWORD=their-Postgres-881\nREDIS_PASSWORD=their-Redis-4410\n');
    expect(await refused({ ...external, databaseTls: true })).toContain('compose/external/db-ca.crt');
    mkdirSync(join(root, 'compose/external'), { recursive: true });
    writeFileSync(join(root, 'compose/external/db-ca.crt'), 'the CA of their Postgres');
    await make({ ...external, databaseTls: true });
    for (const name of ['api', 'worker', 'beat', 'migrate'])
      expect(of(name, 'db_ca.crt')).toBe('the CA of their Postgres');
    await make(external);
    expect(readdirSync(join(root, 'consumers/api'))).not.toContain('db_ca.crt');
  });

  it('should be refused without passwords, and with TLS without the certificate of their CA', async () => {
    const message = await refused({ ...external, tls: true });
    expect(message).toContain('DB_PASSWORD: needed');
    expect(message).toContain('REDIS_PASSWORD: needed');
    expect(message).toContain('compose/external/ca.crt');
  });
});
