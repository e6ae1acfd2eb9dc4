/** Follows a task by its event stream, over broken connections and restarts of the API, until it has ended. */
import { isDeepStrictEqual } from 'node:util';
import { z } from 'zod';
import type { TaskJson } from '../api/types/task.ts';
import type { ApiClient } from './http.ts';
import { part } from './options.ts';
import { Patience, pause } from './patience.ts';
import type { Watched } from './task-bars.ts';

const statusSchema = z.object({
  status: z.string().transform((status) => status as TaskJson['status']),
  attempts: z.number(),
  error: z.object({ code: z.string(), message: z.string() }).nullable(),
});
const progressSchema = z.object({ progress: z.json() });

/**
 * The task at each change; the last one has ended, unless `signal` was aborted.
 * @throws CommandError what the API refuses; `api_unreachable` when it stays away
 */
export async function* follow(client: ApiClient, id: string, signal: AbortSignal): AsyncGenerator<Watched> {
  let task = watchedOf(await client.get<TaskJson>(`/v1/tasks/${part(id)}`));
  const patience = new Patience();
  let told = false;
  while (!signal.aborted) {
    try {
      for await (const { event, data } of client.events(`/v1/tasks/${part(id)}/events`, { signal })) {
        patience.heard();
        const json: unknown = JSON.parse(data);
        const next = event === 'end' ? watchedOf(json as TaskJson) : changed(task, event, json);
        if (next && (!told || !isDeepStrictEqual(next, task))) {
          told = true;
          yield next;
        }
        task = next ?? task;
        if (event === 'end') return;
      }
    } catch (error) {
      if (signal.aborted) return;
      await patience.bear(error, signal);
      continue;
    }
    await pause(signal);
  }
}

const watchedOf = ({ task_id, task, status, attempts, progress, error }: TaskJson): Watched => ({
  id: task_id,
  task,
  status,
  attempts,
  progress,
  error,
});

/** Events of names that are not known here are passed over: a later API may have more. */
function changed(task: Watched, event: string, json: unknown): Watched | undefined {
  if (event === 'status') return { ...task, ...statusSchema.parse(json) };
  if (event === 'progress') return { ...task, ...progressSchema.parse(json) };
  return undefined;
}
