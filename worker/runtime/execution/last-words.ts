/** What a watchdog leaves for the process that reads it. */
import { z } from 'zod';
import type { WatchedRun } from './watch-table.ts';

const runsSchema = z.array(
  z.object({
    fence: z.object({ id: z.uuid(), epoch: z.int(), owner: z.uuid() }),
    task: z.string(),
    attempt: z.int(),
    limitSeconds: z.number(),
    retryDelayMs: z.number().optional(),
    deadline: z.number(),
  }),
);

/** The runs that it killed its process for; none when they are not whole. */
export function readOverdue(lastWords: string): readonly WatchedRun[] {
  if (lastWords === '') return [];
  try {
    return runsSchema.parse(JSON.parse(lastWords));
  } catch {
    return [];
  }
}
