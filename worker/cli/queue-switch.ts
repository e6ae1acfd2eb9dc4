/** Queues paused and resumed, several by one command. */
import type { ApiOptions, CommandLine } from './command-line.ts';
import { part } from './options.ts';

const states = { pause: 'paused', resume: 'open' } as const;

/** Tells what was done also when it fails at one of them. @throws what the API refuses */
export async function setPaused(
  cli: CommandLine,
  names: readonly string[],
  action: keyof typeof states,
  options: ApiOptions,
): Promise<void> {
  const client = await cli.connect(options);
  const queues: { readonly name: string; readonly paused: boolean }[] = [];
  try {
    for (const name of names) queues.push(await client.post(`/v1/queues/${part(name)}/${action}`, undefined));
  } finally {
    if (options.json && queues.length > 0) cli.printJson({ queues });
    else for (const { name } of queues) cli.print(`${name} is ${states[action]}`);
  }
}
