/** Words that reasons are made of. */
import type { Counted, NamedTask, RunFacts } from './facts.ts';

/** `less than a second`, `3 s`, `4 min 10 s`, `2 h 5 min`, `3 days`. */
export function span(seconds: number): string {
  if (seconds < 0.5) return 'less than a second';
  const whole = Math.round(seconds);
  const [days, hours, minutes] = [Math.floor(whole / 86_400), Math.floor(whole / 3600), Math.floor(whole / 60)];
  const both = (more: string, rest: number, unit: string) => (rest === 0 ? more : `${more} ${rest} ${unit}`);
  if (days > 1) return both(`${days} days`, hours - days * 24, 'h');
  if (hours > 0) return both(`${hours} h`, minutes - hours * 60, 'min');
  if (minutes > 0) return both(`${minutes} min`, whole - minutes * 60, 's');
  return `${whole} s`;
}

/** `1 job`, `12 jobs`. */
export const amount = (count: number, one: string, many = `${one}s`): string => `${count} ${count === 1 ? one : many}`;

export const counted = ({ count, capped }: Counted): string => (capped ? `more than ${count}` : String(count));

/** `sample_sleep 0198…`. */
export const named = ({ task, id }: Pick<NamedTask, 'task' | 'id'>): string => `${task} ${id}`;

/** `sample_sleep 0198… (RUNNING)`, of several the first few. */
export const namedAll = (tasks: readonly NamedTask[]): string =>
  tasks.map((task) => `${named(task)} (${task.status})`).join(', ');

/** What a slot does, as far as it may be told. */
export const runWords = ({ id, task, seconds }: RunFacts): string =>
  `${id !== undefined && task !== undefined ? named({ id, task }) : 'a task of another tenant'}${seconds === undefined ? '' : ` for ${span(seconds)}`}`;
