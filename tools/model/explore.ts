/** Visits every state that can be reached, breadth first, so that the history it names is a shortest one. */
import { handoverSteps, keeperSteps, peopleSteps } from './ledger-steps.ts';
import { leaseSteps, redisSteps } from './redis-steps.ts';
import type { Setting } from './rules.ts';
import { copyOf, initial, isFinished, keyOf, type State, settle } from './state.ts';
import type { Offer, StepKind } from './step.ts';
import { workerSteps } from './worker-steps.ts';

const allSteps = [handoverSteps, workerSteps, keeperSteps, redisSteps, leaseSteps, peopleSteps];
/** More than any exploration of the tests needs: a fault of the model shows as an error and not as a full memory. */
const maxStates = 1_000_000;

export interface Broken {
  readonly promise: string;
  /** What happened, step by step. */
  readonly history: readonly string[];
}

interface Edge {
  readonly from: number;
  readonly to: number;
  readonly kind: StepKind;
}

export class Explored {
  /** The first promise that a step broke. */
  broken: Broken | undefined;
  readonly #ids = new Map<string, number>();
  readonly #parents: number[] = [];
  readonly #labels: string[] = [];
  readonly #ended: number[] = [];
  readonly #edges: Edge[] = [];
  /** What is asked of states by later analyses: whether a row of one says QUEUED. */
  readonly #describe: string[] = [];

  get states(): number {
    return this.#ids.size;
  }

  /** The id of a state and whether it is new. */
  visit(state: State, parent: number, label: string): { id: number; fresh: boolean } {
    const key = keyOf(state);
    const known = this.#ids.get(key);
    if (known !== undefined) return { id: known, fresh: false };
    const id = this.#ids.size;
    if (id === maxStates) throw new RangeError(`more than ${maxStates} states: give the exploration less to happen`);
    this.#ids.set(key, id);
    this.#parents.push(parent);
    this.#labels.push(label);
    this.#describe.push(state.tasks.map((task) => `${task.status}, job ${jobWords(task.job)}`).join('; '));
    if (hasEnded(state)) this.#ended.push(id);
    return { id, fresh: true };
  }

  join(from: number, to: number, kind: StepKind): void {
    // events happen or not: nothing may depend on them
    if (kind !== 'event') this.#edges.push({ from, to, kind });
  }

  /** What happened until that state. */
  history(id: number): string[] {
    const labels: string[] = [];
    for (let at = id; at > 0; at = this.#parents[at] ?? 0) labels.unshift(this.#labels[at] ?? '');
    return labels;
  }

  /**
   * The shortest history after which the accepted tasks can no longer end by what the processes do themselves. Undefined when
   * from every state an end can be reached: then, whatever has happened, they do end once nothing more goes wrong, for
   * the states are finitely many and no step that stays possible is put off for ever.
   * @param without kinds of steps to do without
   */
  stuck(...without: StepKind[]): Broken | undefined {
    const ends = this.#backwards(new Set(without));
    for (let id = 0; id < this.states; id += 1) {
      if (!ends[id]) {
        const promise = `an accepted task does not end${without.length > 0 ? ` without ${without.join(', ')}` : ''}`;
        return { promise, history: [...this.history(id), `(stays: ${this.#describe[id]})`] };
      }
    }
    return undefined;
  }

  #backwards(without: ReadonlySet<StepKind>): Uint8Array {
    const edges = this.#edges.filter((edge) => !without.has(edge.kind));
    const start = new Uint32Array(this.states + 1);
    for (const { to } of edges) start[to + 1] = (start[to + 1] ?? 0) + 1;
    for (let id = 0; id < this.states; id += 1) start[id + 1] = (start[id + 1] ?? 0) + (start[id] ?? 0);
    const filled = start.slice();
    const sources = new Uint32Array(edges.length);
    for (const { from, to } of edges) {
      const place = filled[to] ?? 0;
      sources[place] = from;
      filled[to] = place + 1;
    }
    const reaches = new Uint8Array(this.states);
    const open = [...this.#ended];
    for (const id of open) reaches[id] = 1;
    for (let id = open.pop(); id !== undefined; id = open.pop()) {
      for (const from of sources.subarray(start[id], start[id + 1])) {
        if (reaches[from]) continue;
        reaches[from] = 1;
        open.push(from);
      }
    }
    return reaches;
  }
}

const jobWords = (job: State['tasks'][number]['job']) => (typeof job === 'number' ? `held by worker ${job + 1}` : job);

/** Nothing is owed any more: each task is finished, or was never accepted. */
const hasEnded = ({ tasks, handers }: State) =>
  tasks.every((task, index) => isFinished(task.status) || (task.status === 'none' && handers[index]?.pc === 'done'));

/** Visits all states of a setting, or stops at the first step that breaks a promise. */
export function explore({ rules, ...bounds }: Setting): Explored {
  const explored = new Explored();
  const first = initial({ rules, ...bounds });
  explored.visit(first, 0, '');
  const open: State[] = [first];
  for (let from = 0; from < open.length && !explored.broken; from += 1) {
    const state = open[from];
    if (!state) break;
    const offer: Offer = (kind, label, change, price) => {
      if (explored.broken || (price !== undefined && state.left[price] === 0)) return;
      const next = copyOf(state);
      if (price !== undefined) next.left[price] -= 1;
      change(next, (promise) => {
        explored.broken = { promise, history: [...explored.history(from), label] };
      });
      settle(next);
      const { id, fresh } = explored.visit(next, from, label);
      explored.join(from, id, kind);
      if (fresh) open.push(next);
    };
    for (const steps of allSteps) steps(state, rules, offer);
  }
  return explored;
}

/** A broken promise in words, for people who read a test's output. */
export const inWords = ({ promise, history }: Broken): string =>
  `${promise}:\n${history.map((step, index) => `  ${index + 1}. ${step}`).join('\n')}`;
