/** `millrace send`: sends one task, and waits for its end when asked to. */
import type { AcceptedJson } from '../../api/types/task.ts';
import { type ApiOptions, apiCommand, type Register } from '../command-line.ts';
import { readPayload, seconds, wholeNumber } from '../options.ts';
import { taskRecord } from '../task-view.ts';
import { endAsTask, untilEnded } from '../waiting.ts';

interface Options extends ApiOptions {
  readonly queue?: string;
  readonly priority?: number;
  readonly countdown?: number;
  readonly eta?: string;
  readonly expires?: number;
  readonly taskId?: string;
  readonly uniqueKey?: string;
  readonly uniquePolicy?: string;
  readonly notDurable?: boolean;
  readonly wait?: boolean;
  readonly timeout: number;
}

export const registerSend: Register = (program, cli) => {
  apiCommand(program, 'send', 'send a task, and print its id')
    .argument('<task>', 'its name; millrace inspect registered lists them')
    .argument('[payload]', 'JSON, @FILE, or - for standard input', '{}')
    .option('--queue <name>', 'another queue than its own')
    .option('--priority <1-9>', '9 goes first', wholeNumber(1, 9))
    .option('--countdown <seconds>', 'due in so many seconds', seconds)
    .option('--eta <time>', 'due at that time, as 2031-05-04T12:00:00Z')
    .option('--expires <seconds>', 'given up when it has not started by then', seconds)
    .option('--task-id <uuid>', 'an id of your own: sent again it is taken once')
    .option('--unique-key <key>', 'while a task with this key lives, no other is taken')
    .option('--unique-policy <policy>', 'what happens then: return, reject or replace')
    .option('--not-durable', 'a job in Redis alone, with fewer promises')
    .option('--wait', 'wait for its end, and print how it ended')
    .option('--timeout <seconds>', 'with --wait: no longer than this', seconds, 3600)
    .action(async (task: string, payload: string, options: Options) => {
      const client = await cli.connect(options);
      const accepted = await client.post<AcceptedJson>('/v1/tasks', {
        task,
        payload: await readPayload(payload, cli.input),
        options: {
          queue: options.queue,
          priority: options.priority,
          countdown: options.countdown,
          eta: options.eta,
          expires: options.expires,
          task_id: options.taskId,
          unique_key: options.uniqueKey,
          unique_policy: options.uniquePolicy,
          ...(options.notDurable && { durable: false }),
        },
      });
      if (!options.wait) {
        if (options.json) cli.printJson(accepted);
        else cli.print(accepted.task_id);
        return;
      }
      if (!options.json) cli.note(`${accepted.task_id} is accepted; waiting for its end`);
      const ended = await untilEnded(client, accepted.task_id, options.timeout, cli.interruption());
      if (options.json) cli.printJson(ended);
      else cli.print(taskRecord(ended));
      endAsTask(cli, ended);
    });
};
