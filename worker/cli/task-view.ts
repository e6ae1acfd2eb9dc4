/** Tasks as people see them. */
import type { TaskJson } from '../api/types/task.ts';
import { table } from './table.ts';
import { age, brief, record, untilTime } from './words.ts';

export function taskRecord(task: TaskJson): string {
  const { error } = task;
  return record([
    ['task', task.task],
    ['id', task.task_id],
    ['queue', task.queue],
    ['status', task.status],
    ['attempts', task.attempts],
    ['priority', task.priority],
    ['durable', task.durable ? null : 'no'],
    ['accepted', `${task.accepted_at} (${age(task.accepted_at)} ago)`],
    ['due', task.started_at === null && task.due_at !== null ? `${task.due_at} (${untilTime(task.due_at)})` : null],
    ['waits for', task.waiting_for > 0 ? `${task.waiting_for} tasks of the flow ${task.flow_id}` : null],
    ['started', task.started_at],
    ['finished', task.finished_at],
    ['expires', task.finished_at === null ? task.expires_at : null],
    ['progress', task.finished_at === null ? brief(task.progress) : null],
    ['result', brief(task.result, 2000)],
    ['error', error && `${error.code}: ${error.message}`],
  ]);
}

export const taskTable = (tasks: readonly TaskJson[]): string =>
  table(
    ['id', 'task', 'queue', 'status', 'attempts', 'accepted', 'error or progress'],
    tasks.map((task) => [
      task.task_id,
      task.task,
      task.queue,
      task.status,
      task.attempts,
      `${age(task.accepted_at)} ago`,
      task.error
        ? brief(`${task.error.code}: ${task.error.message}`, 60)
        : brief(task.finished_at ? null : task.progress, 60),
    ]),
  );
