import { expect, it } from 'vitest';
import { constructed } from '../testing/constructed.ts';
import { SsrfProxy } from './ssrf-proxy.ts';

const made = (allow?: string) =>
  constructed((system) => {
    const configuration = ['compose/squid/start.sh'];
    new SsrfProxy(system, { image: 'squid:1.2.3', configuration, ...(allow === undefined ? {} : { allow }) });
  }).get('ssrf_proxy');

it('the proxy should stand between the outside and those who may use it, far from Redis and Postgres, with no secret', () => {
  expect(made()).toMatchObject({
    user: '13:13',
    health: '/bin/sh /etc/millrace/squid/health.sh',
    expects: 'healthy',
    networks: ['edge', 'ssrf_proxy_network'],
    mounts: ['compose/squid to /etc/millrace/squid'],
    published: undefined,
    env: {},
  });
});

it('the proxy should be told of hosts that may be private, where an operator names some', () => {
  expect(made('smtp.internal')?.env).toEqual({ MILLRACE_PROXY_ALLOW: 'smtp.internal' });
});
