import { z } from 'zod';
import { PermanentError } from '../errors.ts';
import type { QueueName } from '../queues.ts';
import { defineTask } from './define-task.ts';
import type { RegisteredTask } from './task.ts';

/** Stands in for a task nobody declared, so that its row ends as FAILED with a reason. */
export function unknownTask(name: string, queue: QueueName, known: readonly string[]): RegisteredTask {
  return defineTask({
    name,
    queue,
    description: 'No such task.',
    payload: z.unknown(),
    handle: async () => {
      throw new PermanentError({
        code: 'task_unknown',
        message: `There is no task named "${name}" in this worker.`,
        hint: `It knows ${known.length} tasks; deploy the release that declares it, then retry the dead letter.`,
      });
    },
  });
}
