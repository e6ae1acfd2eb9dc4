import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { constructed } from '../testing/constructed.ts';
import { InitPermissions, Secrets, type SecretsProps } from './secrets.ts';

const made = (props: Partial<SecretsProps> = {}) =>
  constructed((system) => {
    const preset = { image: 'millrace:1.2.3', topology: 'standalone', tls: false, consumers: ['api'] } as const;
    new Secrets(system, { ...preset, keyFolder: '.millrace', ...props });
  }).get('secrets');

describe('the one-shot that makes secrets', () => {
  it('should end before anybody starts, without a network, and read compose/ without writing to it', () => {
    expect(made()).toMatchObject({ user: '0:0', health: undefined, expects: 'completed', networks: [], needs: [] });
    expect(made()?.mounts).toContain('compose to /run/millrace/compose');
  });

  it('should write to the store, the key folder and the volume of each consumer, and to nothing else', () => {
    const name = fc.stringMatching(/^[a-z]{1,8}$/);
    fc.assert(
      fc.property(fc.uniqueArray(name, { maxLength: 9 }), (consumers) => {
        const writable = made({ consumers, keyFolder: '/srv/keys' })?.mounts.filter((mount) =>
          mount.endsWith('writable'),
        );
        expect([...(writable ?? [])].sort()).toEqual(
          [
            'secrets_store to /run/millrace/store, writable',
            '/srv/keys to /run/millrace/host, writable',
            ...consumers.map((one) => `secrets_${one} to /run/millrace/consumers/${one}, writable`),
          ].sort(),
        );
      }),
      { numRuns: 10 },
    );
  });

  it('should be told of TLS to a Postgres that is not of the kit, and of no other', () => {
    expect(made({ topology: 'external', databaseTls: 'verify-full' })?.env).toEqual({
      MILLRACE_TOPOLOGY: 'external',
      MILLRACE_TLS: 'false',
      MILLRACE_DB_SSL_MODE: 'verify-full',
    });
    expect(made()?.env).not.toHaveProperty('MILLRACE_DB_SSL_MODE');
  });
});

describe('the one-shot that hands out volumes', () => {
  it('should end before anybody starts, without a network, and touch the volumes that it is given', () => {
    const permissions = constructed((system) => {
      const configuration = ['compose/init/permissions.sh'];
      new InitPermissions(system, { image: 'millrace:1.2.3', volumes: ['storage', 'redis_data'], configuration });
    }).get('init_permissions');
    expect(permissions).toMatchObject({ user: '0:0', expects: 'completed', networks: [], needs: [] });
    expect(permissions?.mounts).toEqual([
      'compose/init to /etc/millrace/init',
      'storage to /volumes/storage, writable',
      'redis_data to /volumes/redis_data, writable',
    ]);
  });
});
