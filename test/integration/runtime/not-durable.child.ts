/** A worker to be killed: fetches the task `held`, says so, and never ends it. Its argument: the servers, as JSON. */
import { z } from 'zod';
import { defineTask } from '../../../worker/runtime/index.ts';
import { databaseKinds } from '../../harness/databases.ts';
import { startRuntime } from '../../harness/runtime.ts';

process.once('disconnect', () => process.exit(0));
const targets = JSON.parse(process.argv[2] ?? '');
const { db } = await (await databaseKinds.pglite()).open();
startRuntime({
  db,
  redis: { targets },
  tasks: [
    defineTask({
      name: 'held',
      queue: 'fast_tasks',
      description: 'Is held until its process dies.',
      payload: z.strictObject({}),
      handle: (ctx) => {
        process.send?.(ctx.taskId);
        return new Promise(() => undefined);
      },
    }),
  ],
});
