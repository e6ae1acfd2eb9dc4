/** `millrace watch`: tasks until they end, or queues and workers until Ctrl-C. */
import { setTimeout as wait } from 'node:timers/promises';
import type { QueueJson, WorkerJson } from '../../api/types/operations.ts';
import { type ApiOptions, apiCommand, type CommandLine, type Register } from '../command-line.ts';
import { CommandError, exitCode } from '../exit-codes.ts';
import { follow } from '../follow.ts';
import type { ApiClient } from '../http.ts';
import { seconds, wholeNumber } from '../options.ts';
import { Patience } from '../patience.ts';
import { isIdle, queueTable, workerTable } from '../queue-view.ts';
import { showTasks, type Watched } from '../task-bars.ts';
import { hasEnded } from '../waiting.ts';

interface Options extends ApiOptions {
  readonly interval: number;
  readonly count?: number;
}

/** Tasks that are followed at once: each is a stream. */
const maxTasks = 50;
/** Clears the screen and goes to its first line. */
const clear = '\u001b[H\u001b[2J';

export const registerWatch: Register = (program, cli) => {
  apiCommand(program, 'watch', 'live: tasks until they end; without ids, queues and workers until Ctrl-C')
    .argument('[ids...]', `of tasks, at most ${maxTasks}`)
    .option('--interval <seconds>', 'without ids: how often it looks', seconds, 2)
    .option('--count <n>', 'without ids: end after so many looks', wholeNumber(1, 1_000_000))
    .action(async (ids: string[], options: Options) => {
      const wanted = checkedIds(ids);
      const client = await cli.connect(options);
      if (wanted.length === 0) await watchAll(cli, client, options);
      else await watchTasks(cli, client, wanted, options);
      if (cli.interrupted) cli.endWith(exitCode.interrupted);
    });
};

/** Each once. @throws CommandError `too_many_tasks` */
function checkedIds(ids: readonly string[]): readonly string[] {
  const wanted = [...new Set(ids)];
  if (wanted.length <= maxTasks) return wanted;
  throw new CommandError({
    code: 'too_many_tasks',
    message: `At most ${maxTasks} tasks are watched at once, instead got ${wanted.length}.`,
    hint: 'Watch some of them, or all queues: millrace watch without ids.',
    exitCode: exitCode.usage,
  });
}

async function watchTasks(
  cli: CommandLine,
  client: ApiClient,
  ids: readonly string[],
  { json }: Options,
): Promise<void> {
  const signal = cli.interruption();
  const view = json ? undefined : showTasks(cli.output);
  const one = async (id: string) => {
    let last: Watched | undefined;
    for await (const task of follow(client, id, signal)) {
      last = task;
      if (view) view.update(task);
      else cli.print(JSON.stringify(task));
    }
    if (last && hasEnded(last) && last.status !== 'COMPLETED') cli.endWith(exitCode.failed);
  };
  try {
    await Promise.all(ids.map(one));
  } finally {
    view?.stop();
  }
}

/** An API that has answered before may go away for a minute. */
async function watchAll(cli: CommandLine, client: ApiClient, { json, interval, count }: Options): Promise<void> {
  const signal = cli.interruption();
  const look = () =>
    Promise.all([
      client.get<{ queues: QueueJson[] }>('/v1/queues', { signal }),
      client.get<{ workers: WorkerJson[] }>('/v1/workers', { signal }),
    ]);
  const patience = new Patience();
  for (let looks = 1; !signal.aborted; looks += 1) {
    const seen = looks === 1 ? await look() : await patience.tried(look, signal);
    if (seen === undefined) {
      looks -= 1;
      continue;
    }
    const [{ queues }, { workers }] = seen;
    const busy = queues.filter((queue) => !isIdle(queue));
    if (json) cli.print(JSON.stringify({ at: new Date().toISOString(), queues: busy, workers }));
    else {
      if (cli.output.isTTY) cli.output.write(clear);
      cli.print(new Date().toISOString().slice(0, 19));
      cli.printTable(busy.length === 0 ? 'All queues are empty.' : queueTable(busy));
      cli.print('');
      cli.printTable(workers.length === 0 ? 'No worker is alive.' : workerTable(workers));
    }
    if (looks === count) return;
    await wait(interval * 1000, undefined, { signal }).catch(() => undefined);
  }
}
