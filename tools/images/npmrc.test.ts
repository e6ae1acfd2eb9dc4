import { describe, expect, test } from 'vitest';
import { buildSettings, type NpmOfMachine } from './npmrc.ts';

const plain: NpmOfMachine = {
  files: ['', ''],
  said: new Map([
    ['registry', undefined],
    ['proxy', undefined],
    ['strict-ssl', 'true'],
  ]),
  ownCertificates: '',
  extraCertificates: '',
  env: {},
};

describe('buildSettings', () => {
  test('should write nothing where npm stands at its defaults', () => {
    expect(buildSettings(plain)).toEqual({ npmrc: '', certificates: '' });
  });

  test('should carry registries, proxies and what lets into a registry, and no path or habit of the machine', () => {
    const user = [
      '; a comment',
      '@acme:registry=https://npm.acme.test/',
      '//npm.acme.test/:_authToken=t0ken',
      'prefix=/home/someone/npm',
      'cache=/var/cache/npm',
      'fund=false',
    ];
    const said = new Map([
      ['registry', 'https://mirror.acme.test/'],
      ['https-proxy', 'http://proxy.acme.test:3128'],
      ['strict-ssl', 'true'],
    ]);
    expect(buildSettings({ ...plain, files: ['', user.join('\r\n')], said }).npmrc).toBe(
      [
        'registry=https://mirror.acme.test/',
        'https-proxy=http://proxy.acme.test:3128',
        '@acme:registry=https://npm.acme.test/',
        '//npm.acme.test/:_authToken=t0ken',
        '',
      ].join('\n'),
    );
  });

  test('should put the environment in, as npm does', () => {
    const named = (name: string) => `\${${name}}`;
    const lines = (of: readonly string[]) => of.map((value, at) => `//${at}.test/:_authToken=${value}`).join('\n');
    const files = [lines([named('TOKEN'), named('NONE'), named('NONE?')]), ''];
    expect(buildSettings({ ...plain, files, env: { TOKEN: 'abc' } }).npmrc).toBe(
      `${lines(['abc', named('NONE'), ''])}\n`,
    );
  });

  test('should name the certificates as the build stage sees them, each once', () => {
    expect(buildSettings({ ...plain, ownCertificates: 'PEM A', extraCertificates: 'PEM A' })).toEqual({
      npmrc: 'cafile=/build/ca.crt\n',
      certificates: 'PEM A',
    });
    expect(buildSettings({ ...plain, extraCertificates: 'PEM B' })).toEqual({ npmrc: '', certificates: 'PEM B' });
  });
});
