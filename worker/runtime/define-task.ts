import type { z } from 'zod';
import { parsePayload } from './payload.ts';
import { defaultRetry, type RetryPolicy } from './retry.ts';
import type { RegisteredTask, TaskDefinition } from './task.ts';

/** Declares a task. `retry` is, unless told otherwise, 3 retries after min(2^n * 60, 3600) s. */
export function defineTask<P extends z.ZodType>(
  definition: Omit<TaskDefinition<P>, 'retry'> & { readonly retry?: Partial<RetryPolicy> },
): RegisteredTask {
  const { name, queue, description, payload, handle } = definition;
  return {
    name,
    queue,
    description,
    payload,
    retry: { ...defaultRetry, ...definition.retry },
    run: async (ctx, raw) => handle(ctx, parsePayload(name, payload, raw)),
  };
}
