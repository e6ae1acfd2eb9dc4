import { expect, it } from 'vitest';
import { sampleTasks } from './sample-tasks.ts';

it('should be tried again five times, each after a second', () => {
  const policies = sampleTasks.map(({ retry }) => [retry.retries, retry.delaySeconds(0), retry.delaySeconds(4)]);
  expect(policies).toEqual(sampleTasks.map(() => [5, 1, 1]));
});
