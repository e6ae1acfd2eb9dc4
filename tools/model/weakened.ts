/** Rules made weaker, one by one, and what each then breaks: why each rule stands. */
import { type Broken, explore } from './explore.ts';
import { asBuilt, type Budget, type Rules, setting } from './rules.ts';

export interface Weakening {
  readonly name: string;
  readonly rules: Partial<Rules>;
  readonly budget: Partial<Budget>;
  /** Begins the sentence that the explorer finds to be true. */
  readonly breaks: string;
}

const stale = 'an effect of a run that does not hold the task was let in';
const twice = 'an effect was done twice';
const lost = 'an accepted task does not end';

export const weakenings: readonly Weakening[] = [
  {
    name: 'claims keep the epoch',
    rules: { claimRaisesEpoch: false, takeoverRaisesEpoch: false, sweepRaisesEpoch: false },
    budget: { delays: 2 },
    breaks: stale,
  },
  {
    name: 'only claims of waiting rows keep the epoch',
    rules: { claimRaisesEpoch: false },
    budget: { retries: 1, delays: 2 },
    breaks: 'a write of a run that was overtaken was let in',
  },
  {
    name: 'a takeover keeps the epoch',
    rules: { takeoverRaisesEpoch: false },
    budget: { delays: 2 },
    breaks: stale,
  },
  { name: 'an effect has no key', rules: { effectKeyed: false }, budget: { crashes: 1 }, breaks: twice },
  {
    name: 'an effect and its key commit one after the other',
    rules: { effectAtomic: false },
    budget: { crashes: 1 },
    breaks: twice,
  },
  {
    name: 'an effect does not look at the fence',
    rules: { effectFenced: false },
    budget: { cancels: 1 },
    breaks: stale,
  },
  { name: 'there is no reconciler', rules: { reconciler: false }, budget: { losses: 1 }, breaks: lost },
  {
    name: 'there is no reconciler and an acknowledged row is not handed over anew, though nothing is ever lost or late',
    rules: { reconciler: false, putBackAfterAck: false },
    budget: { retries: 1 },
    breaks: lost,
  },
  {
    name: 'there is no reconciler, though Redis forgets nothing',
    rules: { reconciler: false },
    budget: { crashes: 1 },
    breaks: lost,
  },
  {
    name: 'rows that Redis did not take are not given back, and there is no reconciler',
    rules: { release: false, reconciler: false },
    budget: { delays: 1 },
    breaks: lost,
  },
  {
    name: 'jobs are acknowledged before the end is written, and there is no lease sweep',
    rules: { writeBeforeAck: false, leaseSweep: false },
    budget: { crashes: 1 },
    breaks: lost,
  },
  { name: 'there is no lease sweep', rules: { leaseSweep: false }, budget: { crashes: 1, losses: 1 }, breaks: lost },
  {
    name: "leases are judged by the worker's clock",
    rules: { leaseByDatabase: false },
    budget: { delays: 1 },
    breaks: 'a lease that lives was taken over',
  },
  {
    name: 'a job whose row is finished is run',
    rules: { finishedStaysFinished: false },
    budget: { losses: 1 },
    breaks: 'a finished task ran again',
  },
];

/** What the first history is that breaks a promise under weaker rules. */
export function broken({ rules, budget }: Weakening): Broken | undefined {
  const explored = explore(setting(budget, { rules: { ...asBuilt, ...rules } }));
  return explored.broken ?? explored.stuck();
}
