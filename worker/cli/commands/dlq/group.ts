/** `millrace dlq`: dead letters, tasks whose attempts are spent. */
import type { Register } from '../../command-line.ts';
import { registerDlqDrop } from './drop.ts';
import { registerDlqList } from './list.ts';
import { registerDlqRetry } from './retry.ts';
import { registerDlqShow } from './show.ts';

export const registerDlq: Register = (program, cli) => {
  const dlq = program.command('dlq').description('dead letters: tasks whose attempts are spent');
  for (const register of [registerDlqList, registerDlqShow, registerDlqRetry, registerDlqDrop]) register(dlq, cli);
};
