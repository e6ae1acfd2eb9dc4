import { describe, expect, it } from 'vitest';
import { constructed, somebody } from '../testing/constructed.ts';
import { Postgres, type PostgresProps } from './postgres.ts';

const made = (props: Partial<PostgresProps> = {}) =>
  constructed((system) => {
    const configuration = ['compose/postgres/start.sh'];
    new Postgres(system, { image: 'pgvector:0.8.1', configuration, after: [somebody(system)], ...props });
  }).get('db_postgres');

describe('Postgres', () => {
  it('should start once its volumes are prepared, be asked whether it answers, and be reached from inside alone', () => {
    expect(made()).toMatchObject({
      user: '999:999',
      health: 'pg_isready -q -h 127.0.0.1 -U postgres -d millrace',
      expects: 'healthy',
      needs: ['somebody'],
      networks: ['data'],
      published: undefined,
      pids: 512,
    });
  });

  it('should write to its data alone, and read its superuser from a file', () => {
    const { mounts, env } = made() ?? {};
    expect(mounts?.filter((mount) => mount.endsWith('writable'))).toEqual([
      'postgres_data to /var/lib/postgresql/data, writable',
    ]);
    expect(mounts).toContain('secrets_postgres to /run/secrets/millrace');
    expect(env?.POSTGRES_PASSWORD_FILE).toBe('/run/secrets/millrace/superuser_password');
  });

  it('should have as much memory and as many connections as it is told', () => {
    const { megabytes, env } = made({ memoryMegabytes: 2048, maxConnections: 90 }) ?? {};
    expect([megabytes, env?.POSTGRES_MAX_CONNECTIONS]).toEqual([2048, '90']);
    expect(() => made({ memoryMegabytes: 0.5 })).toThrow('memoryMegabytes is 0.5');
  });
});
