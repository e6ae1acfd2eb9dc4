import { describe, expect, it } from 'vitest';
import { TerraformVariable } from '../cdktf.ts';
import { constructed, somebody } from '../testing/constructed.ts';
import { Doctor } from './doctor.ts';
import { WorkerPool, type WorkerPoolProps } from './worker-pool.ts';

const made = (props: Partial<WorkerPoolProps> = {}) =>
  constructed((system, stack) => {
    const replicas = new TerraformVariable(stack, 'replicas', { type: 'number' });
    const environment = { CELERY_QUEUES: 'mail' };
    new WorkerPool(system, { image: 'millrace:1.2.3', environment, replicas, after: [somebody(system)], ...props });
  });

describe('a pool of workers', () => {
  it('should be asked for its health, wait for those it needs, and publish nothing', () => {
    expect(made().get('worker')).toMatchObject({
      user: '1001:1001',
      health: 'millrace-health',
      expects: 'healthy',
      needs: ['somebody'],
      networks: ['data', 'ssrf_proxy_network'],
      env: { MODE: 'worker', HTTPS_PROXY: 'http://ssrf_proxy:3128', DB_USERNAME: 'millrace_worker' },
      mounts: expect.arrayContaining(['secrets_worker to /run/secrets/millrace']),
      published: undefined,
      pids: 512,
    });
  });

  it('should serve the queues of CELERY_QUEUES, or those of its pool and no others', () => {
    expect(made().get('worker')?.env.CELERY_QUEUES).toBe('mail');
    const { env } = made({ service: 'worker_ai', pool: 'ai' }).get('worker_ai') ?? {};
    expect([env?.MILLRACE_POOL, env?.CELERY_QUEUES]).toEqual(['ai', undefined]);
  });

  it('should be reached by nobody where Redis and Postgres stand but by their own names', () => {
    const servers = { database: { DB_HOST: 'db.internal' }, redis: { REDIS_HOST: 'redis.internal' } };
    expect(made({ servers }).get('worker')?.env).toMatchObject({
      DB_HOST: 'db.internal',
      REDIS_HOST: 'redis.internal',
    });
  });
});

describe('the doctor', () => {
  it('should try connections as a worker makes them, and end', () => {
    const worker = made().get('worker');
    const doctor = constructed((system) => {
      const environment = { CELERY_QUEUES: 'mail' };
      new Doctor(system, { image: 'millrace:1.2.3', environment, after: [somebody(system)] });
    }).get('doctor');
    expect(doctor).toEqual({ ...worker, health: undefined, expects: 'completed' });
  });
});
