/** Tests that many rules lean on. */
import type { TestOf } from '../mutant.ts';

const unit =
  (file: string) =>
  (name?: string): TestOf => ({ file: `worker/${file}`, ...(name && { name }) });

export const fence = unit('runtime/ledger/fence.test.ts');
export const keeping = unit('runtime/ledger/keeping.test.ts');
export const clock = unit('runtime/ledger/clock.test.ts');
export const flowRetention = unit('runtime/ledger/flow-retention.test.ts');
export const autoscale = unit('runtime/autoscale.test.ts');
export const ledgerWindow = unit('runtime/ledger/window.test.ts');
export const handover = unit('runtime/handover.test.ts');
export const window = unit('runtime/window.test.ts');
export const queueLoop = unit('runtime/queue-loop.test.ts');
export const puller = unit('runtime/puller.test.ts');
export const reconciler = unit('runtime/reconciler.test.ts');
export const runTask = unit('runtime/run-task.test.ts');
export const job = unit('runtime/job.test.ts');
export const retry = unit('runtime/retry.test.ts');
export const slots = unit('runtime/slots.test.ts');
export const beat = (name: string): TestOf => ({
  file: 'worker/beat/beat.test.ts',
  titlesIn: 'worker/beat/testing/claim-suite.ts',
  name,
});
export const forbidden = unit('runtime/forbidden.test.ts');
export const notDurableJob = unit('runtime/not-durable/job.test.ts');
export const refusals = unit('runtime/not-durable/refusals.test.ts');

const integration =
  (file: string, needs: 'redis' | 'docker') =>
  (name: string): TestOf => ({
    file: `test/integration/${file}`,
    name,
    needs,
  });

export const operations = integration('api/operations.test.ts', 'redis');
export const hints = integration('runtime/hints.test.ts', 'redis');
export const notDurable = integration('runtime/not-durable.test.ts', 'redis');
export const jobsInRedis = integration('runtime/jobs-in-redis.test.ts', 'redis');
export const onPostgres = integration('runtime/broken-transaction.test.ts', 'docker');
export const partitionTests = integration('runtime/partitions.test.ts', 'docker');
export const plans = integration('runtime/plans.test.ts', 'docker');
export const reservedConnections = integration('runtime/reserved-connections.test.ts', 'docker');
export const leaseRenewal = integration('runtime/lease-renewal.test.ts', 'docker');
export const lostClaim = integration('runtime/lost-claim.test.ts', 'redis');
export const deaths = integration('runtime/deaths.test.ts', 'docker');
export const deathsOnPglite = integration('runtime/deaths.test.ts', 'redis');
export const flowLedger = (name: string) => integration('runtime/flow-ledger.test.ts', 'redis')(`on pglite ${name}`);
export const flowRuns = (name: string) => integration('runtime/flows.test.ts', 'redis')(`on pglite ${name}`);
export const topologies = integration('runtime/topologies.test.ts', 'redis');
