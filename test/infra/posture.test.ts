/** The containers as they are made, none of them started: what binds them is settled then. */
import { describe, expect, test } from 'vitest';
import { type ComposeSettings, composeDeployment } from './harness/compose.ts';
import { docker } from './harness/docker.ts';
import { postureFaults } from './harness/inspected.ts';
import { type Exception, faultsOf, type Inspected, rules } from './images/posture.ts';

const image = process.env.MILLRACE_IMAGE || 'millrace/worker:local';
const createTimeoutMs = 240_000;

const systems: readonly (ComposeSettings & { readonly least: number })[] = [
  { topology: 'standalone', variables: { MILLRACE_POOLS: 'pools' }, least: 11 },
  { topology: 'sentinel', tls: true, least: 13 },
  { topology: 'cluster', tls: true, least: 14 },
];

describe('posture (CIS Docker Benchmark 1.6)', () => {
  test.each(systems)('should hold for every container of $topology', async ({ least, ...settings }) => {
    await using deployment = await composeDeployment(settings);
    await deployment.compose(['create', '--no-build'], { timeoutMs: createTimeoutMs });
    const containers = await deployment.containers();
    expect(containers.length).toBeGreaterThanOrEqual(least);
    expect(await postureFaults(containers.map(({ ID }) => ID))).toEqual([]);
  });

  test('should name everything that is wrong with a container that nothing binds', async () => {
    const all = ['--privileged', '--network', 'host', '--publish', '6379', '--user', '0', '--no-healthcheck'];
    const more = [
      '--restart',
      'always',
      '--security-opt',
      'seccomp=unconfined',
      '--volume',
      '/var/run/docker.sock:/var/run/docker.sock',
    ];
    const id = (await docker(['create', ...all, ...more, image])).trim();
    try {
      const [container]: Inspected[] = JSON.parse(await docker(['inspect', id]));
      if (container === undefined) throw new Error(`expected the container ${id}, instead Docker knows none`);
      const faults = faultsOf([[{ name: 'bare', oneShot: false }, container]], []);
      const everyItem = rules.map(({ item }) => item).filter((item) => item !== 'exact tag');
      expect(faults.map((fault) => fault.split(': ')[1])).toEqual(everyItem);
    } finally {
      await docker(['rm', '--force', id]);
    }
  });

  test('should call an exception that excuses nothing a fault', () => {
    const unused: Exception = { item: '5.5', lets: () => true, reason: 'none' };
    expect(faultsOf([], [unused])).toEqual(['5.5: is excused (none), and nothing is wrong']);
  });
});
