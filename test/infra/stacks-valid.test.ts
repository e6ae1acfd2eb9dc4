import { describe, expect, it } from 'vitest';
import { type StackName, stackDeployment } from './harness/stack.ts';

/** `standalone` and `sentinel` are deployed for real beside this. */
describe('what Terraform says of a stack that nobody deploys', () => {
  it.each<[StackName, Readonly<Record<string, string>>]>([
    ['cluster', { MILLRACE_TLS: 'true', MILLRACE_POOLS: 'pools', MILLRACE_OBSERVABILITY: 'prometheus' }],
    ['external', { MILLRACE_TOPOLOGY: 'external', DB_HOST: 'db.internal', REDIS_HOST: 'redis.internal' }],
  ])('should be that %s is valid', async (stack, variables) => {
    await using deployment = await stackDeployment({ stack, variables });
    expect(deployment.log).toContain('The configuration is valid');
    expect(await deployment.leftovers()).toEqual({ containers: [], networks: [], volumes: [] });
  });
});
