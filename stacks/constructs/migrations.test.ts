import { expect, it } from 'vitest';
import { constructed, somebody } from '../testing/constructed.ts';
import { Migrations } from './migrations.ts';

it('migrations should run to their end once Postgres is there, as the role that may alter tables, and know nothing of Redis', () => {
  const made = constructed((system) => {
    new Migrations(system, { image: 'millrace:1.2.3', environment: {}, after: [somebody(system)] });
  });
  const migrate = made.get('migrate');
  expect(migrate).toMatchObject({
    user: '1001:1001',
    health: undefined,
    expects: 'completed',
    needs: ['somebody'],
    networks: ['data'],
    env: { MODE: 'migrate', MIGRATION_ENABLED: 'true', DB_USERNAME: 'millrace_migrate' },
    mounts: ['secrets_migrate to /run/secrets/millrace', 'logs to /app/logs, writable'],
  });
  expect(Object.keys(migrate?.env ?? {}).filter((name) => name.startsWith('REDIS'))).toEqual([]);
});
