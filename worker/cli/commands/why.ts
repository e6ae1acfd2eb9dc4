/** `millrace why`: the reason a task or a queue does not move, in one sentence, with what mends it. */
import type { OneTaskWhyJson, QueueWhyJson, TaskWhyJson, WhyAnswerJson } from '../../api/types/why.ts';
import { type ApiOptions, apiCommand, type Register } from '../command-line.ts';
import { isId, part } from '../options.ts';

export const registerWhy: Register = (program, cli) => {
  apiCommand(program, 'why', 'the reason a task or a queue does not move, and what mends it')
    .argument('<task or queue>', 'id of a task, or name of a queue')
    .action(async (subject: string, options: ApiOptions) => {
      const client = await cli.connect(options);
      if (isId(subject)) {
        const why = await client.get<TaskWhyJson>(`/v1/tasks/${part(subject)}/why`);
        if (options.json) cli.printJson(why);
        else cli.print([`${taskLine(why)}`, ...told(why), ...leadsTo(why.because)].join('\n'));
        return;
      }
      const why = await client.get<QueueWhyJson>(`/v1/queues/${part(subject)}/why`);
      if (options.json) cli.printJson(why);
      // the task that is next has the same reason, in its own words
      else cli.print([`${why.queue}: ${why.code} (${why.kind})`, ...told(why)].join('\n'));
    });
};

const taskLine = ({ task, task_id, status, code, kind }: OneTaskWhyJson): string =>
  `${task} ${task_id} ${status}: ${code} (${kind})`;

const told = ({ sentence, mend, also }: WhyAnswerJson): string[] => [
  `  ${sentence}`,
  ...mended(mend),
  ...also.flatMap((reason) => [`  And then: ${reason.sentence}`, ...mended(reason.mend)]),
];

const mended = (mend: string | null): string[] => (mend === null ? [] : [`  To mend it: ${mend}`]);

const leadsTo = (because: OneTaskWhyJson | null): string[] =>
  because === null ? [] : [taskLine(because), ...told(because)];
