import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { constructed, somebody } from '../testing/constructed.ts';
import { Api, type ApiProps } from './api.ts';

const made = (props: Partial<ApiProps> = {}) =>
  constructed((system) => {
    new Api(system, { image: 'millrace:1.2.3', environment: {}, after: [somebody(system)], ...props });
  }).get('api');

describe('the API', () => {
  it('should be asked for its health, wait for those it needs, and reach the world through the proxy alone', () => {
    expect(made()).toMatchObject({
      user: '1001:1001',
      health: 'millrace-health',
      expects: 'healthy',
      needs: ['somebody'],
      networks: ['edge', 'data', 'ssrf_proxy_network'],
      env: { HTTPS_PROXY: 'http://ssrf_proxy:3128', NODE_USE_ENV_PROXY: '1' },
      mounts: expect.arrayContaining(['secrets_api to /run/secrets/millrace']),
      pids: 512,
    });
  });

  it('should be published where it is told to, and say where it answers', () => {
    expect(made()?.published).toEqual([{ ip: '127.0.0.1', external: 5001, internal: 5001 }]);
    expect(made({ address: '0.0.0.0', port: 80 })?.published).toEqual([
      { ip: '0.0.0.0', external: 80, internal: 5001 },
    ]);
    constructed((system) => {
      const { url } = new Api(system, { image: 'i:1', environment: {}, address: '0.0.0.0', port: 80, after: [] });
      expect(url).toBe('http://127.0.0.1:80');
    });
  });

  it('should stay what it is, and take secrets from files, whatever an operator hands on', () => {
    const own = made()?.env ?? {};
    const environment = fc.dictionary(fc.constantFrom(...Object.keys(own), 'LOG_LEVEL'), fc.string({ minLength: 1 }));
    fc.assert(
      fc.property(environment, (handed) => {
        expect(made({ environment: handed })?.env).toEqual({ ...handed, ...own });
      }),
      { numRuns: 10 },
    );
  });

  it.each([0, 65_536])('should be refused on port %i', (port) => {
    expect(() => made({ port })).toThrow(`publish.hostPort is ${port}`);
  });
});
