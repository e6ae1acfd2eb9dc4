import { describe, expect, it } from 'vitest';
import { newOwnerOf, ownerOf, slotOf } from './harness/cluster-nodes.ts';
import { composeDeployment } from './harness/compose.ts';
import { allWork, effectsOnce, sendEffects } from './harness/work.ts';

/** The queue of the tasks that are counted. */
const key = '{millrace:fast_tasks}:wait';

it('should know the slot of a key as Redis does', () => {
  // of the specification, and as `CLUSTER KEYSLOT` answers
  expect([slotOf('123456789'), slotOf(key)]).toEqual([0x31c3, 12_831]);
});

describe('a cluster with TLS by compose', () => {
  it('should index a document, do 1,000 tasks while the owner of their slot is killed, scale to three workers, and leave nothing', async () => {
    const deployment = await composeDeployment({ topology: 'cluster', tls: true });
    {
      await using _ = deployment;
      await deployment.up();
      const api = await deployment.api();
      const found = await api.indexAndAsk('The cellar holds 74 barrels.', 'How many barrels are in the cellar?');
      expect(found).toContain('74');

      const owner = await ownerOf(deployment, key, 'redis');
      const [witness = ''] = ['redis', 'redis_1', 'redis_2'].filter((service) => service !== owner);
      const first = await sendEffects(api, 500);
      await deployment.compose(['kill', owner]);
      // accepted with no owner to hand them to
      const second = await sendEffects(api, 500);
      expect(await newOwnerOf(deployment, key, owner, witness)).not.toBe(owner);
      expect(await effectsOnce(deployment, first, 500, 120_000)).toBe('500|500');
      expect(await effectsOnce(deployment, second, 500, 120_000)).toBe('500|500');

      await deployment.compose(['start', owner]);
      await deployment.up('--scale', 'worker=3');
      await allWork(deployment, api, 3, 120_000);
    }
    expect(await deployment.leftovers()).toEqual([]);
  });
});
