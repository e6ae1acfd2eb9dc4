/** Waiting for tasks to end, by long polls, and what the command then ends with. */
import type { TaskJson } from '../api/types/task.ts';
import type { CommandLine } from './command-line.ts';
import { exitCode } from './exit-codes.ts';
import type { ApiClient } from './http.ts';
import { part } from './options.ts';
import { Patience } from './patience.ts';

/** Longest wait of one call; the API takes up to 60. */
const pollSeconds = 30;

/** Each status there is: the compiler misses one that is added. */
const ended: Readonly<Record<TaskJson['status'], boolean>> = {
  PENDING: false,
  QUEUED: false,
  RUNNING: false,
  RETRYING: false,
  COMPLETED: true,
  FAILED: true,
  TIMED_OUT: true,
  CANCELLED: true,
  EXPIRED: true,
};
export const hasEnded = ({ status }: Pick<TaskJson, 'status'>): boolean => ended[status];

/**
 * The task once it has ended, or as it is when the time is over or somebody interrupts. An API that has answered before may go away
 * for a minute.
 * @throws CommandError what the API refuses; `api_unreachable` when it is not there, or stays away
 */
export async function untilEnded(
  client: ApiClient,
  id: string,
  timeoutSeconds: number,
  signal: AbortSignal,
): Promise<TaskJson> {
  const path = `/v1/tasks/${part(id)}`;
  const deadline = Date.now() + timeoutSeconds * 1000;
  const patience = new Patience();
  let task = await client.get<TaskJson>(path);
  while (!hasEnded(task) && !signal.aborted) {
    const left = Math.ceil((deadline - Date.now()) / 1000);
    if (left <= 0) break;
    const asked = `${path}?wait=${Math.min(pollSeconds, left)}`;
    task = (await patience.tried(() => client.get<TaskJson>(asked, { signal }), signal)) ?? task;
  }
  return task;
}

/** Of a task that was waited for: done, failed, or still not there. */
export function endAsTask(cli: CommandLine, task: Pick<TaskJson, 'status'>): void {
  if (cli.interrupted) cli.endWith(exitCode.interrupted);
  else if (!hasEnded(task)) cli.endWith(exitCode.late);
  else if (task.status !== 'COMPLETED') cli.endWith(exitCode.failed);
}
