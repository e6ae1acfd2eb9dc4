/** `millrace drain`: waits until queues have run empty. */
import { setTimeout as wait } from 'node:timers/promises';
import type { QueueJson } from '../../api/types/operations.ts';
import { type ApiOptions, apiCommand, type CommandLine, type Register } from '../command-line.ts';
import { showProgress } from '../document-bars.ts';
import { CommandError, exitCode } from '../exit-codes.ts';
import type { ApiClient } from '../http.ts';
import { seconds } from '../options.ts';
import { Patience } from '../patience.ts';
import { queueTable, runningOf, waitingOf } from '../queue-view.ts';

interface Options extends ApiOptions {
  readonly timeout: number;
}

const pollMs = 500;

export const registerDrain: Register = (program, cli) => {
  apiCommand(program, 'drain', 'wait until nothing waits or runs in the queues any more; nothing is stopped')
    .argument('[queues...]', 'their names; all when none is named')
    .option('--timeout <seconds>', 'no longer than this', seconds, 3600)
    .action(async (names: string[], options: Options) => {
      const client = await cli.connect(options);
      const left = await drained(cli, client, names, options);
      if (options.json) cli.printJson({ drained: left.length === 0, queues: left });
      else if (left.length === 0) cli.print('The queues are empty.');
      else cli.printTable(queueTable(left));
      if (left.some(isUnseen))
        cli.note('Redis does not answer: whether tasks that are not durable are left, nobody knows.');
      if (cli.interrupted) cli.endWith(exitCode.interrupted);
      else if (left.length > 0) cli.endWith(exitCode.late);
    });
};

const live = (queue: QueueJson) => waitingOf(queue) + runningOf(queue);
/** Redis alone knows of tasks that are not durable, and is away. */
const isUnseen = ({ not_durable }: QueueJson) => not_durable === null;

/**
 * The queues that still hold something, or may, when all are empty, the time is over, or somebody interrupts. An API that has
 * answered before may go away for a minute.
 */
async function drained(
  cli: CommandLine,
  client: ApiClient,
  names: readonly string[],
  { timeout, json }: Options,
): Promise<QueueJson[]> {
  const signal = cli.interruption();
  const deadline = Date.now() + timeout * 1000;
  const most = new Map<string, number>();
  const progress = json ? undefined : showProgress(cli.output, 'tasks');
  const patience = new Patience();
  const look = async () => {
    const chosen = chosenOf((await client.get<{ queues: QueueJson[] }>('/v1/queues', { signal })).queues, names);
    for (const queue of chosen)
      if (live(queue) > 0) most.set(queue.name, Math.max(most.get(queue.name) ?? 0, live(queue)));
    const seen = chosen.filter(({ name }) => most.has(name));
    progress?.update(
      seen.map((queue) => {
        const total = most.get(queue.name) ?? 0;
        const status = live(queue) === 0 ? 'empty' : queue.paused ? 'paused' : 'draining';
        return { name: queue.name, status, completed: total - live(queue), total };
      }),
    );
    return chosen.filter((queue) => live(queue) > 0 || isUnseen(queue));
  };
  try {
    let left = await look();
    for (let first = true; ; first = false) {
      if (!first) left = (await patience.tried(look, signal)) ?? left;
      if (left.length === 0 || signal.aborted || Date.now() >= deadline) return left;
      await wait(pollMs, undefined, { signal }).catch(() => undefined);
    }
  } finally {
    progress?.stop();
  }
}

/** All when none is named. @throws CommandError `queue_not_found` */
function chosenOf(queues: readonly QueueJson[], names: readonly string[]): readonly QueueJson[] {
  const unknown = names.find((name) => !queues.some((queue) => queue.name === name));
  if (unknown !== undefined) throw queueUnknown(unknown, queues);
  return queues.filter(({ name }) => names.length === 0 || names.includes(name));
}

const queueUnknown = (name: string, queues: readonly QueueJson[]) =>
  new CommandError({
    code: 'queue_not_found',
    message: `There is no queue ${name}.`,
    hint: `There are ${queues.map((queue) => queue.name).join(', ')}.`,
    exitCode: exitCode.failed,
  });
