/** Rows of the ledger as answers. */
import { isNotDurableRow, type TaskRow } from '../../runtime/index.ts';
import type { DeadLetterJson, TaskJson } from '../types/task.ts';

const iso = (date: Date | null) => date?.toISOString() ?? null;

export function taskJson(row: TaskRow): TaskJson {
  return {
    task_id: row.id,
    task: row.name,
    queue: row.queue,
    status: row.status,
    priority: row.priority,
    attempts: row.attempts,
    durable: !isNotDurableRow(row),
    progress: row.progress,
    result: row.result,
    error: row.error,
    accepted_at: row.accepted_at.toISOString(),
    due_at: iso(row.due_at),
    started_at: iso(row.started_at),
    finished_at: iso(row.finished_at),
    expires_at: iso(row.expires_at),
    flow_id: row.flow_id,
    waiting_for: row.waiting_for,
  };
}

export const deadLetterJson = (row: TaskRow): DeadLetterJson => ({
  ...taskJson(row),
  payload: row.payload,
  error_history: row.error_history,
});
