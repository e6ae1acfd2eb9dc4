/** Tasks that note when they ran and with which results, for suites about flows. */
import { z } from 'zod';
import { PermanentError } from '../../worker/errors.ts';
import { defineTask, type Flow, type FlowIds, type Json, type RegisteredTask } from '../../worker/runtime/index.ts';

const queue = 'fast_tasks';
const payload = z.strictObject({ name: z.string() });

export interface FlowTasks {
  readonly tasks: readonly RegisteredTask[];
  /** What ran, in the order of the starts, each with the results it was given. */
  readonly ran: { readonly name: string; readonly results: readonly Json[] }[];
  /** Names whose task fails for good when it runs. */
  readonly broken: Set<string>;
  /** Names whose task waits until it is let go. */
  readonly held: Map<string, PromiseWithResolvers<void>>;
  names(): string[];
}

export function flowTasks(): FlowTasks {
  const ran: FlowTasks['ran'] = [];
  const broken = new Set<string>();
  const held: FlowTasks['held'] = new Map();
  const note = defineTask({
    name: 'note',
    queue,
    description: 'Notes its name and what it was given, and returns its name.',
    payload,
    retry: { retries: 0 },
    handle: async (ctx, { name }) => {
      ran.push({ name, results: await ctx.results() });
      await held.get(name)?.promise;
      if (broken.has(name)) throw new PermanentError({ code: 'broken', message: `${name} is broken.` });
      return name;
    },
  });
  return { tasks: [note], ran, broken, held, names: () => ran.map(({ name }) => name) };
}

export const note = (name: string, options = {}): Flow => ({ task: 'note', payload: { name }, options });

/** A group and what starts when all of it are done. */
export const chord = <T>(group: readonly T[], body: T): { readonly group: readonly T[]; readonly then: T } => ({
  group,
  // biome-ignore lint/suspicious/noThenProperty: the word of the request; it holds an object, which makes nothing a promise
  then: body,
});

/** The ids of a flow's tasks, in order. */
export function idsOf(ids: FlowIds): string[] {
  if ('task_id' in ids) return [ids.task_id];
  if ('chain' in ids) return ids.chain.flatMap(idsOf);
  return [...ids.group.flatMap(idsOf), ...(ids.then ? idsOf(ids.then) : [])];
}
