import { describe, expect, it } from 'vitest';
import { docker } from '../harness/docker.ts';
import { addresses, restartShuffled } from '../harness/shuffle.ts';
import { stackDeployment } from '../harness/stack.ts';
import { allWork, effectsOnce, sendEffects } from '../harness/work.ts';

/** Without TLS the first two are in `make test`. */
const combinations = [
  { stack: 'standalone', tls: true },
  { stack: 'sentinel', tls: true },
  { stack: 'cluster', tls: false },
  { stack: 'cluster', tls: true },
] as const;

/** Of the order in which containers are started. */
const seed = Number(process.env.MILLRACE_TEST_SEED ?? Date.now() % 2 ** 31);

describe.each(combinations)('a deployment by cdktf: $stack, TLS $tls', ({ stack, tls }) => {
  it('should do its work, outlive its first Redis, start in any order with other addresses, scale, and leave nothing but data', async () => {
    await using deployment = await stackDeployment({ stack, variables: { MILLRACE_TLS: String(tls) } });
    await deployment.deployed();
    expect(await deployment.changes()).toBe('');
    const api = await deployment.api();
    expect(await api.indexAndAsk('The mill has four sails.', 'How many sails has the mill?')).toContain('four');

    const during = await sendEffects(api, 500);
    await docker(['kill', deployment.nameOf('redis')]);
    const after = await sendEffects(api, 500);
    // nobody takes the place of a single one
    if (stack === 'standalone') await docker(['start', deployment.nameOf('redis')]);
    for (const run of [during, after]) expect(await effectsOnce(deployment, run, 500, 240_000)).toBe('500|500');
    if (stack !== 'standalone') await docker(['start', deployment.nameOf('redis')]);

    const before = await addresses(deployment);
    const waiting = await sendEffects(api, 500);
    const restartedAt = Date.now();
    const order = await restartShuffled(deployment, seed);
    console.log(`MILLRACE_TEST_SEED=${seed}: started in this order: ${order.join(', ')}`);
    expect(await effectsOnce(deployment, waiting, 500, 240_000)).toBe('500|500');
    console.log(`stopped, started, and the waiting work done: ${Math.round((Date.now() - restartedAt) / 1000)} s`);
    const moved = [...(await addresses(deployment))].filter(([name, address]) => before.get(name) !== address);
    expect(moved.length).toBeGreaterThan(0);

    const added = [deployment.nameOf('worker-1'), deployment.nameOf('worker-2')];
    expect(await deployment.scaled(3)).toEqual({ added, replaced: [] });
    await allWork(deployment, api, 3, 180_000);

    const { containers, networks } = await deployment.destroyed();
    expect({ containers, networks }).toEqual({ containers: [], networks: [] });
  });
});
