import { describe, expect, it } from 'vitest';
import { dockerEndpoint } from './endpoint.ts';
import { logText } from './log-text.ts';

describe('where Docker Engine listens', () => {
  it.each([
    [undefined, { socketPath: '/var/run/docker.sock' }],
    ['unix:///run/user/1000/docker.sock', { socketPath: '/run/user/1000/docker.sock' }],
    ['npipe:////./pipe/docker_engine', { socketPath: '//./pipe/docker_engine' }],
    ['tcp://127.0.0.1:2375', { host: '127.0.0.1', port: 2375 }],
    ['tcp://engine.internal', { host: 'engine.internal', port: 2375 }],
  ])('should understand DOCKER_HOST=%s', (DOCKER_HOST, options) => {
    expect(dockerEndpoint({ DOCKER_HOST })).toEqual({ tls: false, options });
  });

  it('should refuse a kind of address it cannot reach, and certificates that are not named', () => {
    expect(() => dockerEndpoint({ DOCKER_HOST: 'ssh://someone@far' })).toThrow(
      /expected an address that begins with unix/,
    );
    expect(() => dockerEndpoint({ DOCKER_HOST: 'tcp://far:2376', DOCKER_TLS_VERIFY: '1' })).toThrow(/DOCKER_CERT_PATH/);
  });
});

describe("a container's log", () => {
  it('should be taken as it is when it comes from a terminal', () => {
    expect(logText(Buffer.from('plain text of a terminal'))).toBe('plain text of a terminal');
  });
});
