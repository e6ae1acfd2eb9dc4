/** `millrace workers`: live worker processes. */
import type { WorkerJson } from '../../api/types/operations.ts';
import { type ApiOptions, apiCommand, type Register } from '../command-line.ts';
import { workerTable } from '../queue-view.ts';

export const registerWorkers: Register = (program, cli) => {
  apiCommand(program, 'workers', 'live worker processes, their slots and queues').action(
    async (options: ApiOptions) => {
      const client = await cli.connect(options);
      const { workers } = await client.get<{ workers: WorkerJson[] }>('/v1/workers');
      if (options.json) cli.printJson({ workers });
      else cli.printTable(workers.length === 0 ? 'No worker is alive.' : workerTable(workers));
    },
  );
};
