import { expect, it } from 'vitest';
import { isQueueName, poolNames, queueNames, queuePrefix, queues, queuesOfPool } from './queues.ts';

it('should be the sixteen queues of the platform, fast_tasks and heavy_tasks', () => {
  expect([...queueNames].sort()).toEqual([
    'app_deletion',
    'conversation',
    'dataset',
    'fast_tasks',
    'heavy_tasks',
    'mail',
    'ops_trace',
    'pipeline',
    'plugin',
    'priority_dataset',
    'priority_pipeline',
    'retention',
    'schedule_executor',
    'schedule_poller',
    'trigger_refresh_executor',
    'triggered_workflow_dispatcher',
    'workflow',
    'workflow_storage',
  ]);
});

it('should keep all keys of a queue in one cluster slot, by a hash tag of its own', () => {
  expect(queuePrefix('dataset')).toBe('{millrace:dataset}');
  expect(new Set(queueNames.map(queuePrefix)).size).toBe(18);
  // BullMQ parts its keys by colons: none may stand in a queue's name
  for (const name of queueNames) expect(name).toMatch(/^[a-z_]+$/);
});

it('should say what each queue carries', () => {
  for (const name of queueNames) expect(queues[name].carries).not.toBe('');
});

it('should know its own names and no others', () => {
  for (const name of queueNames) expect(isQueueName(name)).toBe(true);
  for (const name of ['', 'Dataset', 'toString', '__proto__', 'constructor']) expect(isQueueName(name)).toBe(false);
});

it('should have each queue consumed by one pool, and no pool without a queue', () => {
  expect(poolNames).toEqual(['interactive', 'ingest', 'background', 'ai']);
  expect(poolNames.flatMap(queuesOfPool).toSorted()).toEqual(queueNames.toSorted());
  for (const pool of poolNames) expect(queuesOfPool(pool)).not.toEqual([]);
});
