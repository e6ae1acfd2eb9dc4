import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { inspectEnvironment, type RawEnvironment } from './environment.ts';
import { redisTargets, targetsOfOneServer } from './redis-target.ts';

const folder = mkdtempSync(join(tmpdir(), 'millrace-redis-target-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function read(env: RawEnvironment) {
  const { values, faults } = inspectEnvironment(env);
  expect(faults).toEqual([]);
  const ofTargets: string[] = [];
  return { targets: redisTargets(values, ofTargets), faults: ofTargets };
}
const broker = (CELERY_BROKER_URL: string, more: RawEnvironment = {}) => {
  const { targets, faults } = read({ CELERY_BROKER_URL, ...more });
  expect(faults).toEqual([]);
  return targets?.broker;
};
const brokerFaults = (CELERY_BROKER_URL: string, more: RawEnvironment = {}) =>
  read({ CELERY_BROKER_URL, ...more }).faults;

describe('a broker URL', () => {
  it('should give host, port and database, with the usual ones when left out', () => {
    expect(broker('redis://redis.internal:6380/3')).toEqual({
      topology: 'standalone',
      host: 'redis.internal',
      port: 6380,
      db: 3,
    });
    for (const url of ['redis://redis', 'redis://redis/', 'redis://redis:6379/0'])
      expect(broker(url)).toEqual({ topology: 'standalone', host: 'redis', port: 6379, db: 0 });
  });

  it('should serve all roles when nothing else is named', () => {
    const { targets } = read({ REDIS_URL: 'redis://redis/4' });
    expect(targets?.cache).toEqual(targets?.broker);
    expect(targets?.events).toEqual(targets?.broker);
  });

  it('should be taken from CELERY_BROKER_URL before REDIS_URL', () => {
    expect(broker('redis://first', { REDIS_URL: 'redis://second' })).toMatchObject({ host: 'first' });
  });

  it('should decode user and password', () => {
    expect(broker('redis://us%40er:p%40ss%2Fw%3A%3Brd%25@redis')).toMatchObject({
      username: 'us@er',
      password: 'p@ss/w:;rd%',
    });
    expect(broker('redis://:pass@redis')).not.toHaveProperty('username');
    expect(brokerFaults('redis://:100%@redis')).toEqual([expect.stringContaining('percent-encoded')]);
  });

  it('should give an IPv6 host without its brackets', () => {
    expect(broker('redis://:p@[::1]:6380/1')).toMatchObject({ host: '::1', port: 6380, db: 1 });
    expect(broker('redis://[2001:db8::7]')).toMatchObject({ host: '2001:db8::7', port: 6379 });
  });

  it('should speak TLS as rediss://, with the certificates of the environment', () => {
    const ca = join(folder, 'ca.pem');
    writeFileSync(ca, 'a certificate');
    expect(broker('rediss://redis')).toMatchObject({ tls: {} });
    expect(broker('rediss://redis', { REDIS_SSL_CA_CERTS: ca })).toMatchObject({ tls: { ca: 'a certificate' } });
    expect(broker('redis://redis', { REDIS_USE_SSL: 'true' })).toMatchObject({ tls: {} });
    expect(broker('redis://redis', { BROKER_USE_SSL: 'true' })).toMatchObject({ tls: {} });
    expect(broker('redis://redis')).not.toHaveProperty('tls');
    expect(brokerFaults('rediss://redis', { REDIS_SSL_CA_CERTS: join(folder, 'none') })).toEqual([
      expect.stringMatching(/^REDIS_SSL_CA_CERTS: cannot read .*none \(ENOENT/),
    ]);
  });

  it('should refuse to leave a certificate unchecked, where there is one', () => {
    expect(broker('rediss://redis', { REDIS_SSL_CERT_REQS: 'CERT_REQUIRED' })).toMatchObject({ tls: {} });
    // as Dify's own example says, beside REDIS_USE_SSL=false
    expect(brokerFaults('redis://redis', { REDIS_SSL_CERT_REQS: 'CERT_NONE' })).toEqual([]);
    for (const asked of ['CERT_NONE', 'CERT_OPTIONAL'])
      expect(brokerFaults('rediss://redis', { REDIS_SSL_CERT_REQS: asked })).toEqual([
        expect.stringMatching(/^REDIS_SSL_CERT_REQS: certificates are always checked/),
      ]);
  });

  it('should refuse a prefix of keys, which would part processes from each other', () => {
    expect(brokerFaults('redis://redis', { REDIS_KEY_PREFIX: '' })).toEqual([]);
    expect(brokerFaults('redis://redis', { REDIS_KEY_PREFIX: 'mine' })).toEqual([
      expect.stringMatching(/^REDIS_KEY_PREFIX: .*instead got "mine"; unset it/),
    ]);
  });

  it('should name several sentinels parted by semicolons', () => {
    const env = {
      CELERY_USE_SENTINEL: 'true',
      CELERY_SENTINEL_MASTER_NAME: 'mymaster',
      CELERY_SENTINEL_PASSWORD: 's',
      CELERY_SENTINEL_SOCKET_TIMEOUT: '2.5',
      REDIS_SENTINEL_USERNAME: 'watch',
    };
    expect(broker('sentinel://:p%40ss@one:26380/1;sentinel://two/1; sentinel://[::1]:26381/1', env)).toEqual({
      topology: 'sentinel',
      db: 1,
      sentinels: [
        { host: 'one', port: 26_380 },
        { host: 'two', port: 26_379 },
        { host: '::1', port: 26_381 },
      ],
      masterName: 'mymaster',
      password: 'p@ss',
      sentinelUsername: 'watch',
      sentinelPassword: 's',
      sentinelTimeoutMs: 2500,
    });
  });

  it('should need a master name with sentinels, and sentinels with CELERY_USE_SENTINEL', () => {
    expect(brokerFaults('sentinel://one/1')).toEqual([expect.stringMatching(/^CELERY_SENTINEL_MASTER_NAME: needed/)]);
    expect(brokerFaults('redis://one/1', { CELERY_USE_SENTINEL: 'true' })).toEqual([
      expect.stringMatching(/^CELERY_USE_SENTINEL: true, but/),
    ]);
  });

  it('should be refused when it is none', () => {
    const wrong = [
      'redis',
      'redis:6379',
      'http://redis',
      'redis://',
      'redis:///1',
      'redis://one;redis://two',
      'sentinel://one;redis://two',
      'sentinel://one;',
      'redis://host:99999',
    ];
    for (const url of wrong) {
      const faults = brokerFaults(url, { CELERY_SENTINEL_MASTER_NAME: 'm' });
      expect(faults, url).toEqual([expect.stringMatching(/^CELERY_BROKER_URL: expected redis:/)]);
    }
    for (const url of ['redis://redis/one', 'redis://redis/-1', 'redis://redis/1/2'])
      expect(brokerFaults(url), url).toEqual(['CELERY_BROKER_URL: expected a database number after the port']);
  });
});

describe('the parts', () => {
  it('should put the queues on database 1 and the rest on REDIS_DB', () => {
    const { targets, faults } = read({ REDIS_HOST: 'redis', REDIS_PASSWORD: 'p', REDIS_USERNAME: 'u', REDIS_DB: '5' });
    const server = { topology: 'standalone', host: 'redis', port: 6379, username: 'u', password: 'p' };
    expect(faults).toEqual([]);
    expect(targets).toEqual({
      broker: { ...server, db: 1 },
      cache: { ...server, db: 5 },
      events: { ...server, db: 5 },
    });
  });

  it('should let a broker URL stand beside a server for the other roles', () => {
    const { targets } = read({ REDIS_HOST: 'cache', CELERY_BROKER_URL: 'redis://queues/2' });
    expect(targets?.broker).toMatchObject({ host: 'queues', db: 2 });
    expect(targets?.cache).toMatchObject({ host: 'cache', db: 0 });
  });

  it('should be undefined when nothing is named', () => {
    expect(read({})).toEqual({ targets: undefined, faults: [] });
  });

  it('should name sentinels', () => {
    const { targets, faults } = read({
      REDIS_USE_SENTINEL: 'true',
      REDIS_SENTINELS: 'one:26380,two,[fe80::1]:26381',
      REDIS_SENTINEL_SERVICE_NAME: 'mymaster',
      REDIS_SENTINEL_USERNAME: 'watch',
      REDIS_SENTINEL_PASSWORD: 's',
      REDIS_SENTINEL_SOCKET_TIMEOUT: '0.1',
      REDIS_PASSWORD: 'p',
    });
    expect(faults).toEqual([]);
    expect(targets?.broker).toEqual({
      topology: 'sentinel',
      db: 1,
      sentinels: [
        { host: 'one', port: 26_380 },
        { host: 'two', port: 26_379 },
        { host: 'fe80::1', port: 26_381 },
      ],
      masterName: 'mymaster',
      password: 'p',
      sentinelUsername: 'watch',
      sentinelPassword: 's',
      sentinelTimeoutMs: 100,
    });
    expect(read({ REDIS_USE_SENTINEL: 'true' }).faults).toEqual([
      'REDIS_SENTINELS: needed with REDIS_USE_SENTINEL=true',
      'REDIS_SENTINEL_SERVICE_NAME: needed with REDIS_USE_SENTINEL=true',
    ]);
  });

  it('should name the nodes of a cluster, which has no databases', () => {
    const { targets, faults } = read({
      REDIS_USE_CLUSTERS: 'true',
      REDIS_CLUSTERS: 'one:7000,[::1]:7001,three',
      REDIS_PASSWORD: 'of one server',
      REDIS_CLUSTERS_PASSWORD: 'p',
    });
    expect(faults).toEqual([]);
    expect(targets?.broker).toEqual({
      topology: 'cluster',
      nodes: [
        { host: 'one', port: 7000 },
        { host: '::1', port: 7001 },
        { host: 'three', port: 6379 },
      ],
      password: 'p',
    });
    expect(read({ REDIS_USE_CLUSTERS: 'true' }).faults).toEqual([
      'REDIS_CLUSTERS: needed with REDIS_USE_CLUSTERS=true',
    ]);
  });

  it('should refuse what is no host and port', () => {
    for (const entry of ['::1', '::1:6379', 'a:b', 'a:0', 'a:65536', ':6379', '[::1', 'redis://a:1', 'a b'])
      expect(read({ REDIS_USE_CLUSTERS: 'true', REDIS_CLUSTERS: entry }).faults, entry).toEqual([
        `REDIS_CLUSTERS: expected host:port or [IPv6 address]:port, instead got "${entry}"`,
      ]);
  });
});

it('should give one server to all roles, the queues on a database of their own', () => {
  const server = { host: '127.0.0.1', port: 7777, password: 'p' };
  expect(targetsOfOneServer(server)).toEqual({
    broker: { topology: 'standalone', ...server, db: 1 },
    cache: { topology: 'standalone', ...server, db: 0 },
    events: { topology: 'standalone', ...server, db: 0 },
  });
});
