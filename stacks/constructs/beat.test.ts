import { expect, it } from 'vitest';
import { constructed, somebody } from '../testing/constructed.ts';
import { Beat } from './beat.ts';

it('beat should be asked for its health, wait for those it needs, and reach Redis and Postgres alone', () => {
  const made = constructed((system) => {
    new Beat(system, { image: 'millrace:1.2.3', environment: {}, after: [somebody(system)] });
  });
  expect(made.get('worker_beat')).toMatchObject({
    user: '1001:1001',
    health: 'millrace-health',
    expects: 'healthy',
    needs: ['somebody'],
    networks: ['data'],
    env: { MODE: 'beat', DB_USERNAME: 'millrace_beat', REDIS_USERNAME: 'millrace-beat' },
    mounts: ['secrets_beat to /run/secrets/millrace', 'logs to /app/logs, writable'],
    published: undefined,
  });
});
