import { describe, expect, it } from 'vitest';
import { composeDeployment } from '../harness/compose.ts';
import { addresses, restartShuffled } from '../harness/shuffle.ts';
import { allWork, effectsOnce, sendEffects } from '../harness/work.ts';

const combinations = [
  { topology: 'standalone', tls: false },
  { topology: 'standalone', tls: true },
  { topology: 'sentinel', tls: false },
  { topology: 'sentinel', tls: true },
  { topology: 'cluster', tls: false },
  { topology: 'cluster', tls: true },
] as const;

/** In which a system works again whose last container was started. */
const workingMs = 60_000;
/** Of the order in which containers are started. */
const seed = Number(process.env.MILLRACE_TEST_SEED ?? Date.now() % 2 ** 31);

describe.each(combinations)('a deployment by compose: $topology, TLS $tls', (combination) => {
  it('should survive its first master, be started in any order with other addresses, and take new secrets', async () => {
    await using deployment = await composeDeployment(combination);
    await deployment.up();
    const told = (what: string, run: string, withinMs: number) =>
      deployment.telling(what, () => effectsOnce(deployment, run, 500, withinMs));
    const api = await deployment.api();
    expect(await api.indexAndAsk('The mill has four sails.', 'How many sails has the mill?')).toContain('four');

    if (combination.topology !== 'standalone') {
      const during = await sendEffects(api, 500);
      await deployment.compose(['kill', 'redis']);
      const after = await sendEffects(api, 500);
      for (const run of [during, after])
        expect(await told('did not get over its master', run, 120_000)).toBe('500|500');
      await deployment.telling('did not take its master back', () => deployment.compose(['start', '--wait', 'redis']));
    }

    const before = await addresses(deployment);
    const waiting = await sendEffects(api, 500);
    const order = await restartShuffled(deployment, seed);
    console.log(`MILLRACE_TEST_SEED=${seed}: started in this order: ${order.join(', ')}`);
    const startedAt = Date.now();
    expect(await told('did not get over its restart', waiting, workingMs)).toBe('500|500');
    console.log(`the waiting work was done after ${Math.round((Date.now() - startedAt) / 1000)} s`);
    const moved = [...(await addresses(deployment))].filter(([name, address]) => before.get(name) !== address);
    expect(moved.length).toBeGreaterThan(0);

    await deployment.up('--scale', 'worker=3');
    const scaled = await deployment.api();
    await deployment.telling('has workers that do nothing', () => allWork(deployment, scaled, 3, 120_000));

    if (combination.topology !== 'standalone') {
      const queued = await sendEffects(scaled, 500);
      await deployment.telling('did not take new secrets', () =>
        deployment.command('tools/run', 'node', 'worker/cli/main.ts', 'rotate-secrets'),
      );
      expect(await told('did not work with its new secrets', queued, 120_000)).toBe('500|500');
    }
  });
});
