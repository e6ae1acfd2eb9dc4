/** `millrace queues`: how full each queue is. */
import type { QueueJson } from '../../api/types/operations.ts';
import { type ApiOptions, apiCommand, type Register } from '../command-line.ts';
import { isIdle, queueTable } from '../queue-view.ts';

export const registerQueues: Register = (program, cli) => {
  apiCommand(program, 'queues', 'how full the queues are, how old the oldest task is, who takes from them')
    .option('--busy', 'only those that hold something or are paused')
    .action(async (options: ApiOptions & { busy?: boolean }) => {
      const client = await cli.connect(options);
      const { queues } = await client.get<{ queues: QueueJson[] }>('/v1/queues');
      const shown = options.busy ? queues.filter((queue) => !isIdle(queue)) : queues;
      if (options.json) cli.printJson({ queues: shown });
      else cli.printTable(shown.length === 0 ? 'All queues are empty.' : queueTable(shown));
    });
};
