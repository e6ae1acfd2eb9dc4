/** A step from one moment to a next one, and how it is told to the explorer. */
import type { Budget, Rules } from './rules.ts';
import type { State } from './state.ts';

/**
 * `work`: what the processes do by themselves; a state must be able to end by these. `reconcile` and `lock` are such too, but slow:
 * a round of the reconciler, the lapse of a lock of BullMQ. `event`: what may happen and need not.
 */
export type StepKind = 'work' | 'reconcile' | 'lock' | 'event';

/** Told by a step that breaks a promise. */
export type Break = (promise: string) => void;

/**
 * Offers a step. `change` gets a copy of the state.
 * @param price taken from what may still happen
 */
export type Offer = (
  kind: StepKind,
  label: string,
  change: (state: State, broken: Break) => void,
  price?: keyof Budget,
) => void;

export type Steps = (state: State, rules: Rules, offer: Offer) => void;

/** The item of that number: a number that is none is a fault of the model. */
export function at<T>(items: readonly T[], index: number): T {
  const item = items[index];
  if (item === undefined) throw new RangeError(`the model has no item ${index}`);
  return item;
}
