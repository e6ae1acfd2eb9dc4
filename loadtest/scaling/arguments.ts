/** The command line of the scaling test. */
import { parseArgs } from 'node:util';
import { errorText, MillraceError } from '../../worker/errors.ts';

export interface Chosen {
  readonly by: 'compose' | 'stack' | 'command';
  /** Of the door `stack`. */
  readonly stack: 'standalone' | 'sentinel' | 'cluster';
  /** Of the door `command`: a shell command in which {n} stands for the number of workers. */
  readonly command: string;
  /** Ascending; the first is what the others are held against. */
  readonly workers: readonly number[];
  /** Tasks of the backlog, and how long each waits; undefined: sized by the slots that are there. */
  readonly tasks: number | undefined;
  readonly sleepMs: number | undefined;
  /** The least part of the ideal (n workers are n times as fast as one) that is taken: 2.6 of 3. */
  readonly efficiency: number;
}

export const usage = `node loadtest/scaling.ts [--by compose|stack|command] [--stack standalone|sentinel|cluster]
       [--command 'kubectl scale deployment/worker --replicas={n}'] [--workers 1,2,3] [--tasks N] [--sleep-ms N] [--least 2.6]
  --by compose   docker compose up --scale worker=N (the default)
  --by stack     cdktf deploy STACK --var worker_replicas=N
  --by command   a command of yours
  --least        how many times as fast the greatest number of workers must be, of three; of others in proportion`;

const stacks = ['standalone', 'sentinel', 'cluster'] as const;
const doors = ['compose', 'stack', 'command'] as const;
const mostWorkers = 100;

/** @throws MillraceError `arguments_invalid` */
export function readArguments(given: readonly string[]): Chosen {
  const values = parsed(given);
  const whole = (name: 'tasks' | 'sleep-ms', most: number) => {
    const text = values[name];
    return text === undefined ? undefined : numberIn(`--${name}`, text, most);
  };
  const by = oneOf('--by', values.by, doors);
  const command = values.command ?? '';
  if (by === 'command' && !command.includes('{n}')) throw invalid('--by command expects --command with {n} in it.');
  if (by !== 'command' && command !== '') throw invalid('--command goes with --by command.');
  const workers = values.workers.split(',').map((text) => numberIn('--workers', text, mostWorkers));
  if (workers.length < 2 || workers.some((count, at) => count <= (workers[at - 1] ?? 0))) {
    throw invalid(`--workers expects at least two ascending numbers, as 1,2,3, instead got "${values.workers}".`);
  }
  const least = Number(values.least);
  if (!(least > 0 && least <= 3))
    throw invalid(`--least expects a number over 0, at most 3, instead got "${values.least}".`);
  return {
    by,
    stack: oneOf('--stack', values.stack, stacks),
    command,
    workers,
    tasks: whole('tasks', 1_000_000),
    sleepMs: whole('sleep-ms', 60_000),
    efficiency: least / 3,
  };
}

function parsed(given: readonly string[]) {
  try {
    return parseArgs({
      args: [...given],
      options: {
        by: { type: 'string', default: 'compose' },
        stack: { type: 'string', default: 'standalone' },
        command: { type: 'string' },
        workers: { type: 'string', default: '1,2,3' },
        tasks: { type: 'string' },
        'sleep-ms': { type: 'string' },
        least: { type: 'string', default: '2.6' },
      },
    }).values;
  } catch (error) {
    throw invalid(`${errorText(error)}.`);
  }
}

function numberIn(name: string, text: string, most: number): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= 1 && value <= most) return value;
  throw invalid(`${name} expects whole numbers from 1 to ${most}, instead got "${text}".`);
}

function oneOf<const T extends string>(name: string, text: string, all: readonly T[]): T {
  const found = all.find((value) => value === text);
  if (found !== undefined) return found;
  throw invalid(`${name} expects ${all.join(', ')}, instead got "${text}".`);
}

const invalid = (message: string) => new MillraceError({ code: 'arguments_invalid', message, hint: `\n${usage}` });
