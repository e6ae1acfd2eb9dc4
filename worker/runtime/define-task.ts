import type { z } from 'zod';
import { parsePayload } from './payload.ts';
import { defaultRetry, type RetryPolicy } from './retry.ts';
import type { RegisteredTask, TaskDefinition } from './task.ts';

/** The platform's own limit of a task. */
const defaultTimeLimitSeconds = 3600;

/** Declares a task. `retry` is, unless told otherwise, 3 retries after min(2^n * 60, 3600) s; the time limit is an hour, and no tenant is bound. */
export function defineTask<P extends z.ZodType>(
  definition: Omit<TaskDefinition<P>, 'retry' | 'timeLimitSeconds' | 'tenantIsolated'> & {
    readonly retry?: Partial<RetryPolicy>;
    readonly timeLimitSeconds?: number;
    readonly tenantIsolated?: boolean;
  },
): RegisteredTask {
  const { name, queue, description, payload, handle } = definition;
  return {
    name,
    queue,
    description,
    payload,
    retry: { ...defaultRetry, ...definition.retry },
    timeLimitSeconds: definition.timeLimitSeconds ?? defaultTimeLimitSeconds,
    tenantIsolated: definition.tenantIsolated ?? false,
    isolation: definition.isolation,
    run: async (ctx, raw) => handle(ctx, parsePayload(name, payload, raw)),
  };
}
