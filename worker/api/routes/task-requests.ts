/** From bodies to requests of the runtime, and every field of them that is wrong. */
import type { FastifySchemaCompiler } from 'fastify';
import { validatorCompiler } from 'fastify-type-provider-zod';
import { v7 as uuidv7 } from 'uuid';
import { sqlState } from '../../db/index.ts';
import { maxBatch, PayloadError, type TaskOptions, type TaskRegistry, type TaskRequest } from '../../runtime/index.ts';
import { parsePayload } from '../../runtime/payload.ts';
import { ApiError, type FieldError, summaryOf } from '../problems/api-error.ts';
import type { TaskRequestBody } from '../schemas/task.ts';

interface Entry {
  /** As `tasks.3`; empty outside of a batch. */
  readonly at: string;
  readonly body: unknown;
}

const under = (at: string, field: string) => (at === '' ? field : `${at}.${field}`);

/** The one task of a body, or those of a batch. Takes anything. */
function entriesOf(body: unknown): Entry[] {
  const tasks = typeof body === 'object' && body !== null && 'tasks' in body ? body.tasks : undefined;
  if (!Array.isArray(tasks)) return [{ at: '', body }];
  return tasks.slice(0, maxBatch).map((task, place) => ({ at: `tasks.${place}`, body: task }));
}

/** Faults that only the registry knows of: payloads that do not fit their task. */
function payloadFaults(registry: TaskRegistry, { at, body }: Entry): FieldError[] {
  if (typeof body !== 'object' || body === null || !('payload' in body) || !('task' in body)) return [];
  const task = typeof body.task === 'string' ? registry.get(body.task) : undefined;
  if (!task) return [];
  try {
    parsePayload(task.name, task.payload, body.payload);
    return [];
  } catch (error) {
    if (!(error instanceof PayloadError)) throw error;
    return error.issues.map(({ field, message }) => ({
      field: under(at, field === '' ? 'payload' : `payload.${field}`),
      message,
    }));
  }
}

/**
 * Refuses a body that does not fit, and with it names the payloads that do not fit their tasks, so that one answer lists all.
 * A body that fits is not looked at twice: the runtime checks its payloads.
 */
export const taskValidator =
  (registry: TaskRegistry): FastifySchemaCompiler<unknown> =>
  (route) => {
    // every schema here is zod's; fastify's types cannot say so
    const validate = validatorCompiler(route as Parameters<typeof validatorCompiler>[0]);
    return (data: unknown) => {
      const outcome = validate(data);
      if (typeof outcome !== 'object' || outcome === null || !('error' in outcome) || !Array.isArray(outcome.error)) {
        return outcome;
      }
      const faults = entriesOf(data).flatMap((entry) => payloadFaults(registry, entry));
      const issues = faults.map(({ field, message }) => ({
        keyword: 'payload',
        instancePath: `/${field.replaceAll('.', '/')}`,
        schemaPath: '#',
        message,
        params: {},
      }));
      return { error: [...outcome.error, ...issues] as unknown as Error };
    };
  };

/** The first text of a payload that is half a surrogate pair, by its field: JSON may carry it, Postgres keeps none. */
function malformedText(value: unknown, field: string): string | undefined {
  if (typeof value === 'string') return value.isWellFormed() ? undefined : field;
  if (typeof value !== 'object' || value === null) return undefined;
  for (const [key, inner] of Object.entries(value)) {
    const found = key.isWellFormed() ? malformedText(inner, `${field}.${key}`) : field;
    if (found !== undefined) return found;
  }
  return undefined;
}

function textFaults({ at, body }: Entry): FieldError[] {
  const payload = typeof body === 'object' && body !== null && 'payload' in body ? body.payload : undefined;
  const field = malformedText(payload, under(at, 'payload'));
  return field === undefined ? [] : [{ field, message: 'holds half of a surrogate pair, which cannot be stored' }];
}

const dataException = /^22/;

/** Says of every task of a request that was refused below what is wrong with it. */
export function explainRefusal(thrown: unknown, registry: TaskRegistry, body: unknown): unknown {
  const errors =
    thrown instanceof PayloadError && thrown.code === 'payload_invalid'
      ? entriesOf(body).flatMap((entry) => payloadFaults(registry, entry))
      : dataException.test(sqlState(thrown) ?? '')
        ? entriesOf(body).flatMap(textFaults)
        : [];
  if (errors.length === 0) return thrown;
  return new ApiError({ code: 'payload_invalid', message: summaryOf(errors), errors, cause: thrown });
}

function checkKnown(registry: TaskRegistry, entries: readonly Entry[], tasks: readonly TaskRequestBody[]): void {
  const errors = tasks.flatMap(({ task }, place) =>
    registry.get(task)
      ? []
      : [{ field: under(entries[place]?.at ?? '', 'task'), message: `there is no task named "${task}"` }],
  );
  if (errors.length === 0) return;
  throw new ApiError({
    code: 'task_unknown',
    message: summaryOf(errors),
    hint: `Known tasks: ${registry.names.join(', ')}.`,
    errors,
  });
}

/** The same requests, sent again because nobody knows whether they were taken: their ids may have rows by now. */
export const sentBefore = (requests: readonly TaskRequest[]): TaskRequest[] =>
  requests.map((request) => ({ ...request, options: { ...request.options, taskIdIsNew: false } }));

/** What a body says of a task, in the runtime's words. */
export const optionsOf = (options: NonNullable<TaskRequestBody['options']>): TaskOptions => ({
  queue: options.queue,
  priority: options.priority,
  countdownSeconds: options.countdown,
  eta: options.eta === undefined ? undefined : new Date(options.eta),
  expiresSeconds: options.expires,
  taskId: options.task_id?.toLowerCase(),
  uniqueKey: options.unique_key,
  uniquePolicy: options.unique_policy,
  durable: options.durable,
});

/**
 * Requests whose task ids are chosen here where the caller chose none, so that a broken connection leaves no doubt: sent
 * again with the same ids they are taken once.
 * @throws ApiError `batch_too_large`, `task_unknown`
 */
export function requestsOf(
  registry: TaskRegistry,
  tenantId: string,
  body: TaskRequestBody | { readonly tasks: readonly TaskRequestBody[] },
): TaskRequest[] {
  const tasks = 'tasks' in body ? body.tasks : [body];
  if (tasks.length > maxBatch) {
    throw new ApiError({
      code: 'batch_too_large',
      message: `A batch holds at most ${maxBatch} tasks, instead got ${tasks.length}. Nothing was accepted.`,
      hint: 'Send several batches.',
    });
  }
  const entries = entriesOf(body);
  checkKnown(registry, entries, tasks);
  return tasks.map(({ task, payload, options = {} }) => ({
    task,
    payload,
    tenantId,
    userId: options.user_id,
    options: {
      ...optionsOf(options),
      taskId: options.task_id?.toLowerCase() ?? uuidv7(),
      taskIdIsNew: options.task_id === undefined,
    },
  }));
}
