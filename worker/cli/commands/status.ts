/** `millrace status`: one task, or the newest ones. */
import type { TaskJson, TaskPageJson } from '../../api/types/task.ts';
import { type ApiOptions, apiCommand, type Register } from '../command-line.ts';
import { CommandError, exitCode } from '../exit-codes.ts';
import { part, queryOf, seconds, wholeNumber } from '../options.ts';
import { taskRecord, taskTable } from '../task-view.ts';
import { endAsTask, untilEnded } from '../waiting.ts';

interface Options extends ApiOptions {
  readonly wait?: boolean;
  readonly timeout: number;
  readonly queue?: string;
  readonly status?: string;
  readonly task?: string;
  readonly limit: number;
  readonly cursor?: string;
}

export const registerStatus: Register = (program, cli) => {
  apiCommand(program, 'status', 'how a task stands; without an id, the newest tasks')
    .argument('[id]', 'of the task')
    .option('--wait', 'wait for its end first')
    .option('--timeout <seconds>', 'with --wait: no longer than this', seconds, 3600)
    .option('--queue <name>', 'of the newest: only of this queue')
    .option('--status <status>', 'only in this state, as RUNNING')
    .option('--task <name>', 'only of this name')
    .option('--limit <n>', 'at most so many', wholeNumber(1, 200), 20)
    .option('--cursor <cursor>', 'the page that begins there')
    .action(async (id: string | undefined, options: Options) => {
      if (id === undefined && options.wait) throw nothingToWaitFor();
      const client = await cli.connect(options);
      if (id === undefined) {
        const { queue, status, task, limit, cursor } = options;
        const page = await client.get<TaskPageJson>(
          `/v1/tasks${queryOf({ queue, status: status?.toUpperCase(), task, limit, cursor })}`,
        );
        if (options.json) cli.printJson(page);
        else {
          cli.printTable(page.tasks.length === 0 ? 'No such tasks.' : taskTable(page.tasks));
          if (page.next_cursor !== null) cli.note(`There are more: --cursor ${page.next_cursor}`);
        }
        return;
      }
      const task = options.wait
        ? await untilEnded(client, id, options.timeout, cli.interruption())
        : await client.get<TaskJson>(`/v1/tasks/${part(id)}`);
      if (options.json) cli.printJson(task);
      else cli.print(taskRecord(task));
      if (options.wait) endAsTask(cli, task);
    });
};

/** A script whose id is empty would go on as if the task had ended. */
const nothingToWaitFor = () =>
  new CommandError({
    code: 'task_id_missing',
    message: '--wait expects the id of a task, instead got none.',
    hint: 'millrace status ID --wait',
    exitCode: exitCode.usage,
  });
