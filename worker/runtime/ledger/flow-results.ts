/** What a task of a flow gets from those it waited for. */
import type { Queryable } from '../../db/index.ts';
import { PermanentError } from '../../errors.ts';
import type { Json } from '../json.ts';

/** Results of all parents together, as they are stored: one handler holds them in memory. */
const maxResultsBytes = 64 * 1024 * 1024;

/**
 * Results of the direct parents of a task, in the order in which the flow names them; none for a task that waited for nobody.
 * Results stay for as long as a task of their flow lives, whatever the retention.
 * @throws PermanentError `results_too_large`, `results_missing`
 */
export async function parentResults(db: Queryable, taskId: string): Promise<Json[]> {
  const [size] = await db.query<{ parents: number; completed: number; bytes: number }>(
    `select count(*)::int as parents, count(f.id)::int as completed, coalesce(sum(pg_column_size(f.result)), 0)::float8 as bytes
       from task_links l left join tasks_finished f on f.id = l.parent_id and f.status = 'COMPLETED' where l.child_id = $1`,
    [taskId],
  );
  if (!size || size.parents === 0) return [];
  if (size.completed < size.parents) {
    throw new PermanentError({
      code: 'results_missing',
      message: `Of ${size.parents} tasks that ${taskId} waited for, ${size.completed} have their results in the ledger.`,
      hint: 'Rows were removed by hand; send the flow again.',
    });
  }
  if (size.bytes > maxResultsBytes) {
    throw new PermanentError({
      code: 'results_too_large',
      message: `The results of the ${size.parents} tasks before ${taskId} take ${size.bytes} bytes, at most ${maxResultsBytes} are handed on.`,
      hint: 'Write large results to storage and return where they lie.',
    });
  }
  const rows = await db.query<{ result: Json }>(
    `select f.result from task_links l join tasks_finished f on f.id = l.parent_id and f.status = 'COMPLETED'
      where l.child_id = $1 order by l.place`,
    [taskId],
  );
  return rows.map(({ result }) => result);
}
