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
  // one look-up: sizes as they are stored, and the results only when they are not too much together
  const rows = await db.query<{ missing: boolean; bytes: number; result: Json }>(
    `with parents as materialized (
       select l.place, f.id, f.result, coalesce(pg_column_size(f.result), 0) as bytes
         from task_links l left join tasks_finished f on f.id = l.parent_id and f.status = 'COMPLETED' where l.child_id = $1)
     select id is null as missing, bytes::float8 as bytes,
            case when (select sum(bytes) from parents) <= $2 then result end as result
       from parents order by place`,
    [taskId, maxResultsBytes],
  );
  const missing = rows.filter((row) => row.missing).length;
  if (missing > 0) {
    throw new PermanentError({
      code: 'results_missing',
      message: `Of ${rows.length} tasks that ${taskId} waited for, ${missing} have no result in the ledger.`,
      hint: 'Rows were removed by hand; send the flow again.',
    });
  }
  const bytes = rows.reduce((sum, row) => sum + row.bytes, 0);
  if (bytes > maxResultsBytes) {
    throw new PermanentError({
      code: 'results_too_large',
      message: `The results of the ${rows.length} tasks before ${taskId} take ${bytes} bytes, at most ${maxResultsBytes} are handed on.`,
      hint: 'Write large results to storage and return where they lie.',
    });
  }
  return rows.map(({ result }) => result);
}
