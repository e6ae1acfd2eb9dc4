/** From a flow to the rows and links it comes to: who waits for whom. */
import { createHash } from 'node:crypto';
import { validate as isUuid, v7 as uuidv7 } from 'uuid';
import { MillraceError } from '../errors.ts';
import { type Flow, FlowError, type FlowIds, type FlowTask, maxFlowDepth, maxFlowLinks, maxFlowTasks } from './flow.ts';
import type { NewTask } from './ledger/accept.ts';
import { type FieldIssue, PayloadError } from './payload.ts';

/** A task of a flow, as its row will be. */
export interface PlannedTask extends NewTask {
  readonly id: string;
  /** The caller chose the id. */
  readonly ownId: boolean;
  /** Where it stands in the flow, as `chain.1.group.0`. */
  readonly path: string;
  /** Places (in the plan) of those it waits for; always lower than its own. */
  readonly parents: readonly number[];
  /** Others wait for it. */
  readonly leads: boolean;
}

export interface FlowPlan {
  /** In the order of the flow: parents before children. */
  readonly tasks: readonly PlannedTask[];
  /** Of the flow as it was sent: two with the same digest ask for the same. */
  readonly digest: Buffer;
  /** The shape of the flow with these ids, given in the order of `tasks`. */
  shape(ids: readonly string[]): FlowIds;
}

type Shape =
  | { readonly place: number }
  | { readonly chain: readonly Shape[] }
  | { readonly group: readonly Shape[]; readonly body?: Shape | undefined };

interface Walked {
  readonly shape: Shape;
  /** What has to complete before the next one starts; undefined: there is no task in it. */
  readonly exits: readonly number[] | undefined;
}

/** A task that was read, before it is known who waits for it. */
interface Node {
  readonly row: NewTask;
  readonly path: string;
  readonly parents: readonly number[];
}

const under = (path: string, field: string) => (path === '' ? field : `${path}.${field}`);

/**
 * Reads the whole flow before it complains.
 * @param rowOf the row of a task; throws what is wrong with it
 * @param userId whose the flow is
 * @throws FlowError `flow_invalid`, `flow_too_large`
 */
export function planFlow(flow: Flow, rowOf: (task: FlowTask) => NewTask, userId?: string | undefined): FlowPlan {
  const reader = new FlowReader(rowOf);
  const { shape } = reader.read(flow, '', [], 1);
  const nodes = reader.finish();
  const led = new Set(nodes.flatMap(({ parents }) => parents));
  const tasks = nodes.map(
    ({ row, path, parents }, place): PlannedTask => ({
      ...row,
      id: row.id?.toLowerCase() ?? uuidv7(),
      ownId: row.id !== undefined && row.idIsNew !== true,
      path,
      parents,
      leads: led.has(place),
    }),
  );
  const seen = new Set<string>();
  const twice = tasks.filter(({ id }) => seen.size === seen.add(id).size);
  if (twice.length > 0) {
    throw new FlowError(
      'flow_invalid',
      twice.map(({ path, id }) => ({
        field: under(path, 'options.task_id'),
        message: `${id} is used twice in this flow`,
      })),
    );
  }
  return {
    tasks,
    digest: digestOf(userId === undefined ? flow : { flow, userId }),
    shape: (ids) => withIds(shape, ids),
  };
}

class FlowReader {
  readonly #rowOf: (task: FlowTask) => NewTask;
  readonly #nodes: Node[] = [];
  readonly #issues: FieldIssue[] = [];
  #tasks = 0;
  #links = 0;

  constructor(rowOf: (task: FlowTask) => NewTask) {
    this.#rowOf = rowOf;
  }

  read(flow: Flow, path: string, parents: readonly number[], depth: number): Walked {
    if (depth > maxFlowDepth) {
      this.#issues.push({ field: path, message: `is nested deeper than ${maxFlowDepth} levels` });
      return { shape: { chain: [] }, exits: undefined };
    }
    if ('chain' in flow) return this.#chain(flow.chain, path, parents, depth);
    if ('group' in flow) {
      const group = this.#group(flow.group, path, parents, depth);
      if (!flow.then) return group;
      const then = this.read(flow.then, under(path, 'then'), group.exits ?? parents, depth + 1);
      return { shape: { ...group.shape, body: then.shape }, exits: then.exits ?? group.exits };
    }
    return this.#task(flow, path, parents);
  }

  /** @throws FlowError when anything was wrong */
  finish(): readonly Node[] {
    if (this.#tasks > maxFlowTasks) {
      throw new FlowError('flow_too_large', [
        { field: '', message: `a flow holds at most ${maxFlowTasks} tasks, instead got ${this.#tasks}` },
      ]);
    }
    if (this.#links > maxFlowLinks) {
      throw new FlowError('flow_too_large', [
        {
          field: '',
          message: `its tasks wait for more than ${maxFlowLinks} others in all; put one task between two large groups`,
        },
      ]);
    }
    if (this.#tasks === 0 && this.#issues.length === 0) this.#issues.push({ field: '', message: 'it holds no task' });
    if (this.#issues.length > 0) throw new FlowError('flow_invalid', this.#issues);
    return this.#nodes;
  }

  #chain(flows: readonly Flow[], path: string, parents: readonly number[], depth: number): Walked {
    let exits: readonly number[] | undefined;
    const shapes = flows.map((flow, place) => {
      const walked = this.read(flow, under(path, `chain.${place}`), exits ?? parents, depth + 1);
      exits = walked.exits ?? exits;
      return walked.shape;
    });
    return { shape: { chain: shapes }, exits };
  }

  #group(
    flows: readonly Flow[],
    path: string,
    parents: readonly number[],
    depth: number,
  ): Walked & { readonly shape: { readonly group: readonly Shape[] } } {
    const walked = flows.map((flow, place) => this.read(flow, under(path, `group.${place}`), parents, depth + 1));
    const exits = walked.flatMap((member) => member.exits ?? []);
    return { shape: { group: walked.map(({ shape }) => shape) }, exits: exits.length > 0 ? exits : undefined };
  }

  #task(task: FlowTask, path: string, parents: readonly number[]): Walked {
    this.#tasks += 1;
    this.#links += parents.length;
    const place = this.#nodes.length;
    // counted on, but kept no more: what is too large is refused
    if (this.#tasks > maxFlowTasks || this.#links > maxFlowLinks) return { shape: { place }, exits: [0] };
    this.#refuseOptions(task, path);
    try {
      this.#nodes.push({ row: this.#rowOf(task), path, parents });
      return { shape: { place }, exits: [place] };
    } catch (error) {
      if (!(error instanceof MillraceError)) throw error;
      this.#issues.push(...issuesOf(error, path));
      return { shape: { place }, exits: undefined };
    }
  }

  #refuseOptions({ options = {} }: FlowTask, path: string): void {
    const refuse = (option: string, why: string) =>
      this.#issues.push({ field: under(path, `options.${option}`), message: `is not taken within a flow: ${why}` });
    if (options.eta !== undefined)
      refuse('eta', 'give a countdown, which runs from the moment the task is free to start');
    if (options.uniqueKey !== undefined) refuse('unique_key', 'a flow is kept apart by the task ids it names');
    if (options.durable === false) refuse('durable', 'flows are kept in Postgres');
    if (options.taskId !== undefined && !isUuid(options.taskId))
      this.#issues.push({ field: under(path, 'options.task_id'), message: 'expected a UUID' });
  }
}

function issuesOf(error: MillraceError, path: string): FieldIssue[] {
  if (error instanceof PayloadError) {
    return error.issues.map(({ field, message }) => ({
      field: under(path, field === '' ? 'payload' : `payload.${field}`),
      message,
    }));
  }
  return [{ field: error.code === 'task_unknown' ? under(path, 'task') : path, message: error.message }];
}

function withIds(shape: Shape, ids: readonly string[]): FlowIds {
  if ('place' in shape) return { task_id: ids[shape.place] ?? '' };
  if ('chain' in shape) return { chain: shape.chain.map((member) => withIds(member, ids)) };
  const group = shape.group.map((member) => withIds(member, ids));
  if (!shape.body) return { group };
  // biome-ignore lint/suspicious/noThenProperty: the word of the request; it holds an object, which makes nothing a promise
  return { group, then: withIds(shape.body, ids) };
}

/** The same for the same request, in whatever order its fields come. */
const digestOf = (asked: object): Buffer =>
  createHash('sha256')
    .update(JSON.stringify(sorted(asked)))
    .digest();

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null || value instanceof Date) return value;
  const entries = Object.entries(value).filter(([, member]) => member !== undefined);
  return Object.fromEntries(
    entries.toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([name, member]) => [name, sorted(member)]),
  );
}
