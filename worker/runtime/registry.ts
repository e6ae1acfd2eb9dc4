/** The tasks of a process, by name. */
import { StartError } from '../errors.ts';
import { isQueueName, type QueueName } from '../queues.ts';
import type { RegisteredTask } from './task.ts';

export interface TaskRegistry {
  readonly names: readonly string[];
  get(name: string): RegisteredTask | undefined;
  [Symbol.iterator](): IterableIterator<RegisteredTask>;
}

const namePattern = /^[a-z][a-z0-9_.]{0,119}$/;

/**
 * Collects tasks and checks them against each other and against the queues.
 * @throws StartError `task_registry_invalid` that lists every fault.
 */
export function createRegistry(tasks: Iterable<RegisteredTask>): TaskRegistry {
  const byName = new Map<string, RegisteredTask>();
  const faults: string[] = [];
  for (const task of tasks) {
    if (!namePattern.test(task.name)) faults.push(`"${task.name}" is no task name: lower case, digits, _ and . only`);
    if (byName.has(task.name)) faults.push(`two tasks are named ${task.name}`);
    if (!isQueueName(task.queue))
      faults.push(`${task.name} names the queue ${String(task.queue)}, which worker/queues.ts does not declare`);
    byName.set(task.name, task);
  }
  if (faults.length > 0) {
    throw new StartError({
      code: 'task_registry_invalid',
      message: `The tasks do not fit together:\n${faults.map((fault) => `  ${fault}`).join('\n')}`,
      hint: 'Mend the definitions under worker/tasks, or declare the queue in worker/queues.ts.',
    });
  }
  return {
    names: [...byName.keys()].sort(),
    get: (name) => byName.get(name),
    [Symbol.iterator]: () => byName.values(),
  };
}

/** Queues that tasks use but nobody in `consumed` takes from. */
export function orphanQueues(registry: TaskRegistry, consumed: readonly QueueName[]): QueueName[] {
  const taken = new Set(consumed);
  return [...new Set([...registry].map((task) => task.queue))].filter((queue) => !taken.has(queue));
}
