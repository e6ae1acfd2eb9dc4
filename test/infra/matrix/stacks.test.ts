import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { ApiClient } from '../harness/api-client.ts';
import { docker } from '../harness/docker.ts';
import { addresses, restartShuffled } from '../harness/shuffle.ts';
import { type StackDeployment, stackDeployment } from '../harness/stack.ts';
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
  it('should do its work, outlive its first Redis, start in any order with other addresses, come back from a backup, scale, and leave nothing but data', async () => {
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

    await comesBackFromBackup(deployment, api);
    expect(await deployment.changes()).toBe('');

    const added = [deployment.nameOf('worker-1'), deployment.nameOf('worker-2')];
    expect(await deployment.scaled(3)).toEqual({ added, replaced: [] });
    await allWork(deployment, api, 3, 180_000);

    const { containers, networks } = await deployment.destroyed();
    expect({ containers, networks }).toEqual({ containers: [], networks: [] });
  });
});

/** What was accepted before a backup is there and is done after it; what came later is gone. */
async function comesBackFromBackup(deployment: StackDeployment, api: ApiClient): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'millrace-backup-'));
  try {
    const known = await api.indexed('The well is 31 metres deep.');
    await docker(['stop', deployment.nameOf('worker-0')]);
    const waiting = await sendEffects(api, 300);
    const backup = await deployment.make('backup', `TO=${folder}/first`);
    expect(backup, backup.output).toMatchObject({ code: 0 });
    await docker(['start', deployment.nameOf('worker-0')]);
    const later = await sendEffects(api, 10);
    for (const [run, count] of [
      [waiting, 300],
      [later, 10],
    ] as const)
      expect(await effectsOnce(deployment, run, count, 120_000)).toBe(`${count}|${count}`);

    const refused = await deployment.make('restore', `FROM=${folder}/first`);
    expect(refused.output).toContain('YES=1');
    const restored = await deployment.make('restore', `FROM=${folder}/first`, 'YES=1');
    expect(restored, restored.output).toMatchObject({ code: 0 });
    expect(await effectsOnce(deployment, waiting, 300, 120_000)).toBe('300|300');
    expect(await deployment.sql(`select count(*) from tasks where payload->>'run' = '${later}'`)).toBe('0');
    expect(await api.ask(known, 'How deep is the well?')).toContain('31 metres');
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
