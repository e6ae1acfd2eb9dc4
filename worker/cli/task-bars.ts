/** Tasks that are watched: a bar each on a terminal, a line a change elsewhere. */
import cliProgress from 'cli-progress';
import type { TaskJson } from '../api/types/task.ts';
import type { Output } from './command-line.ts';
import { brief } from './words.ts';

/** What is known of a task so far. */
export interface Watched {
  readonly id: string;
  readonly task: string;
  readonly status: TaskJson['status'];
  readonly attempts: number;
  readonly progress: TaskJson['progress'];
  readonly error: TaskJson['error'];
}

export interface TaskView {
  update(task: Watched): void;
  stop(): void;
}

const nameWidth = 24;
const barWidth = 24;

export const showTasks = (output: Output): TaskView => (output.isTTY ? bars(output) : lines(output));

function field(progress: Watched['progress'], name: 'step' | 'fraction'): unknown {
  if (typeof progress !== 'object' || progress === null || Array.isArray(progress)) return undefined;
  return (progress as Readonly<Record<string, unknown>>)[name];
}

/** 0 to 1: by its own word, else by whether it has ended. */
function fractionOf({ status, progress }: Watched): number {
  if (status === 'COMPLETED') return 1;
  const fraction = field(progress, 'fraction');
  return typeof fraction === 'number' ? Math.min(1, Math.max(0, fraction)) : 0;
}

function note({ progress, error, attempts }: Watched): string {
  const step = field(progress, 'step');
  return [
    ...(attempts > 1 ? [`attempt ${attempts}`] : []),
    ...(error ? [`${error.code}: ${brief(error.message, 60)}`] : typeof step === 'string' ? [step] : []),
  ].join(', ');
}

function bars(output: Output): TaskView {
  const multi = new cliProgress.MultiBar(
    {
      stream: output as NodeJS.WriteStream,
      clearOnComplete: false,
      hideCursor: true,
      barsize: barWidth,
      barCompleteChar: '█',
      barIncompleteChar: '░',
      format: '{name} {bar} {percentage} % {status} {note}',
      autopadding: true,
    },
    cliProgress.Presets.shades_classic,
  );
  const bar = new Map<string, cliProgress.SingleBar>();
  return {
    update(task) {
      const shown = {
        name: task.task.padEnd(nameWidth).slice(0, nameWidth),
        status: task.status.padEnd(9),
        note: note(task),
      };
      const known = bar.get(task.id) ?? multi.create(100, 0, shown);
      bar.set(task.id, known);
      known.update(Math.round(fractionOf(task) * 100), shown);
    },
    stop: () => multi.stop(),
  };
}

function lines(output: Output): TaskView {
  return {
    update(task) {
      const percent = field(task.progress, 'fraction') === undefined ? '' : ` ${Math.round(fractionOf(task) * 100)} %`;
      const said = note(task);
      output.write(`${task.id} ${task.task} ${task.status}${percent}${said === '' ? '' : ` ${said}`}\n`);
    },
    stop: () => undefined,
  };
}
