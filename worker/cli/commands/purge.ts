/** `millrace purge`: cancels what waits in a queue. */
import type { QueueJson } from '../../api/types/operations.ts';
import { type ApiOptions, apiCommand, type Register, yesOption } from '../command-line.ts';
import { part } from '../options.ts';
import { waitingOf } from '../queue-view.ts';

const tasks = (count: number): string => (count === 1 ? '1 task' : `${count} tasks`);

export const registerPurge: Register = (program, cli) => {
  apiCommand(program, 'purge', 'cancel all that waits in a queue; what runs goes on')
    .argument('<queue>', 'its name')
    .option(...yesOption)
    .action(async (name: string, options: ApiOptions & { yes?: boolean }) => {
      const client = await cli.connect(options);
      await cli.confirm(async () => {
        const { queues } = await client.get<{ queues: QueueJson[] }>('/v1/queues');
        const queue = queues.find((one) => one.name === name);
        const waiting = queue ? ` Waiting there, of all tenants: ${waitingOf(queue)}.` : '';
        return `All tasks of this key's tenant that wait in the queue ${name} are to be cancelled for good.${waiting}`;
      }, options.yes);
      const answer = await client.post<{ name: string; purged: number; not_durable: number | null }>(
        `/v1/queues/${part(name)}/purge`,
        undefined,
      );
      if (options.json) cli.printJson(answer);
      else {
        cli.print(`${tasks(answer.purged)} of ${answer.name} ${answer.purged === 1 ? 'was' : 'were'} cancelled`);
        if (answer.not_durable === null)
          cli.print('Redis did not answer: tasks that are not durable may be left. Purge again when it is back.');
      }
    });
};
