/** docs/reference/queues.md, from worker/queues.ts. */
import {
  poolNames,
  pools,
  type QueueName,
  queueNames,
  queuePrefix,
  queues,
  queuesOfPool,
} from '../../worker/queues.ts';
import type { RegisteredTask } from '../../worker/runtime/index.ts';
import { anchorOf, code, table } from './markdown.ts';

const intro = `\`worker/queues.ts\` is the only list of queues there is; a new queue is one line there. A queue is a BullMQ queue of that very
name. Its keys start with \`{millrace:<name>}\` in every topology: the braces are a Redis hash tag, which keeps all keys of a queue in
one cluster slot. Any BullMQ client that uses that prefix can add jobs; the worker takes them into the ledger.

When several queues of a process have work and slots are scarce, slots go by tier: of ten, six to \`high\`, three to \`normal\`, one
to \`low\`. Within a queue, priority 9 goes first and 1 last. \`CELERY_QUEUES\` names the queues a worker takes from; unset, it takes
from all.`;

const poolIntro = `Worker processes that take from the same queues and are scaled as one are a pool. \`MILLRACE_POOL\` names the pool a worker is
of, and with it its queues. Each queue is in one pool, so the four pools together take from all of them; a pool of which no
worker runs is told by \`millrace doctor\`, and by \`millrace why\` for each of its queues. Where \`CELERY_QUEUES\` is set too it must
name the same queues, in any order: else the process exits with 78. Unset, pools bind nothing.`;

export function queuesPage(tasks: readonly RegisteredTask[]): string {
  const tasksOf = (queue: QueueName) =>
    tasks
      .filter((task) => task.queue === queue)
      .map(({ name }) => `[${code(name)}](tasks.md#${anchorOf(name)})`)
      .join(', ');
  const rows = queueNames.map((name) => [
    code(name),
    queues[name].tier,
    queues[name].pool,
    queues[name].carries,
    tasksOf(name) || 'none in this release',
    code(queuePrefix(name)),
  ]);
  const poolRows = poolNames.map((name) => [code(name), pools[name].serves, queuesOfPool(name).map(code).join(', ')]);
  return [
    '# Queues',
    intro,
    table(['queue', 'tier', 'pool', 'carries', 'tasks by default', 'key prefix'], rows),
    '## Pools',
    poolIntro,
    table(['pool', 'serves', 'queues'], poolRows),
  ].join('\n\n');
}
