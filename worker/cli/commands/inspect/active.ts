/** `millrace inspect active`: what runs, by worker. */
import type { WorkerJson } from '../../../api/types/operations.ts';
import { type ApiOptions, apiCommand, type Register } from '../../command-line.ts';
import { table } from '../../table.ts';
import { shortSpan } from '../../words.ts';

export const registerActive: Register = (inspect, cli) => {
  apiCommand(inspect, 'active', 'tasks that run, by worker, as of its last heartbeat').action(
    async (options: ApiOptions) => {
      const client = await cli.connect(options);
      const { workers } = await client.get<{ workers: WorkerJson[] }>('/v1/workers');
      const active = workers.flatMap(({ name, running }) => running.map((run) => ({ worker: name, ...run })));
      if (options.json) return cli.printJson({ active });
      const others = workers.reduce((sum, { slots, running }) => sum + slots.busy - running.length, 0);
      cli.printTable(active.length === 0 ? 'Nothing of yours runs.' : activeTable(active));
      if (others > 0) cli.note(`Tasks of other tenants that run: ${others}`);
    },
  );
};

const activeTable = (active: readonly ({ worker: string } & WorkerJson['running'][number])[]): string =>
  table(
    ['worker', 'task', 'queue', 'id', 'for'],
    active.map(({ worker, task, queue, task_id, seconds }) => [worker, task, queue, task_id, shortSpan(seconds)]),
  );
