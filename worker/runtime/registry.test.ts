import { expect, it } from 'vitest';
import { z } from 'zod';
import { StartError } from '../errors.ts';
import { queueNames } from '../queues.ts';
import { defineTask } from './define-task.ts';
import { createRegistry, orphanQueues } from './registry.ts';
import { defaultRetry } from './retry.ts';
import type { RegisteredTask } from './task.ts';

const task = (name: string, queue: string = 'mail'): RegisteredTask => ({
  ...defineTask({
    name,
    queue: 'mail',
    description: 'Does.',
    payload: z.strictObject({}),
    handle: async () => undefined,
  }),
  // as somebody without the compiler would write it
  queue: queue as RegisteredTask['queue'],
});

function faultsOf(tasks: readonly RegisteredTask[]): string[] {
  try {
    createRegistry(tasks);
    return [];
  } catch (error) {
    if (!(error instanceof StartError)) throw error;
    expect(error.code).toBe('task_registry_invalid');
    expect(error.hint).toContain('worker/queues.ts');
    return error.message
      .split('\n')
      .slice(1)
      .map((line) => line.trim());
  }
}

it('should find tasks by name and list them', () => {
  const [a, b] = [task('b_task'), task('a.task', 'dataset')];
  const registry = createRegistry([a, b]);
  expect(registry.names).toEqual(['a.task', 'b_task']);
  expect(registry.get('b_task')).toBe(a);
  expect(registry.get('toString')).toBeUndefined();
  expect([...registry]).toEqual([a, b]);
});

it('should refuse two tasks of one name', () => {
  expect(faultsOf([task('twice'), task('once'), task('twice')])).toEqual(['two tasks are named twice']);
});

it('should refuse a queue that nobody declares', () => {
  for (const queue of ['mial', 'toString', '']) {
    expect(faultsOf([task('sends', queue)])).toEqual([
      `sends names the queue ${queue}, which worker/queues.ts does not declare`,
    ]);
  }
});

it('should refuse names that are none', () => {
  for (const name of ['', 'Upper', '1st', 'a-b', 'a b', '_a', 'ä', 'a'.repeat(121)])
    expect(faultsOf([task(name)])).toEqual([`"${name}" is no task name: lower case, digits, _ and . only`]);
  expect(faultsOf([task('a'.repeat(120)), task('a1._')])).toEqual([]);
});

it('should list every fault at once', () => {
  expect(faultsOf([task('Bad', 'nosuch'), task('twice'), task('twice')])).toHaveLength(3);
});

it('should name the queues that are used and not consumed, each once', () => {
  const registry = createRegistry([task('a', 'mail'), task('b', 'dataset'), task('c', 'mail'), task('d', 'plugin')]);
  expect(orphanQueues(registry, ['dataset'])).toEqual(['mail', 'plugin']);
  expect(orphanQueues(registry, queueNames)).toEqual([]);
});

it('should define tasks that retry as the platform does, and check their payload when they run', async () => {
  const plain = task('plain');
  expect(plain.retry).toEqual(defaultRetry);
  const own = defineTask({
    name: 'own',
    queue: 'mail',
    description: 'Does.',
    payload: z.strictObject({ n: z.int().default(2) }),
    retry: { retries: 0 },
    handle: async (_ctx, { n }) => n * 2,
  });
  expect(own.retry).toEqual({ ...defaultRetry, retries: 0 });
  const ctx = {} as Parameters<RegisteredTask['run']>[0];
  expect(await own.run(ctx, {})).toBe(4);
  await expect(own.run(ctx, { n: 'x' })).rejects.toMatchObject({ code: 'payload_invalid' });
  await expect(own.run(ctx, { m: 1 })).rejects.toMatchObject({ code: 'payload_invalid' });
});
