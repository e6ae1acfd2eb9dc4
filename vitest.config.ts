import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          include: ['worker/**/*.test.ts', 'tools/**/*.test.ts', 'stacks/**/*.test.ts', 'loadtest/**/*.test.ts'],
          testTimeout: 20_000,
          // some open a database, which takes a busy machine more than the default of 10 s
          hookTimeout: 60_000,
          maxWorkers: 2,
        },
      },
      {
        test: {
          name: 'integration',
          include: ['test/integration/**/*.test.ts'],
          testTimeout: 60_000,
          hookTimeout: 120_000,
          // suites wait more than they compute; each has servers of its own
          maxWorkers: 3,
        },
      },
      {
        test: {
          name: 'faults',
          include: ['test/failover/*.test.ts'],
          testTimeout: 300_000,
          hookTimeout: 120_000,
          fileParallelism: false,
        },
      },
      {
        test: {
          name: 'failover',
          include: ['test/failover/long/**/*.test.ts'],
          testTimeout: 900_000,
          hookTimeout: 120_000,
          fileParallelism: false,
        },
      },
      {
        test: {
          name: 'infra',
          include: ['test/infra/*.test.ts'],
          globalSetup: 'test/infra/harness/leftovers.ts',
          testTimeout: 900_000,
          hookTimeout: 240_000,
          // each deploys whole systems
          fileParallelism: false,
        },
      },
      {
        test: {
          name: 'matrix',
          include: ['test/infra/matrix/**/*.test.ts'],
          globalSetup: 'test/infra/harness/leftovers.ts',
          testTimeout: 900_000,
          hookTimeout: 240_000,
          fileParallelism: false,
        },
      },
    ],
  },
});
