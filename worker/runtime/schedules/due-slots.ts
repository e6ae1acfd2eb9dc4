/** Which slots of a schedule are to be fired now, and which come next. */
import { createHash } from 'node:crypto';
import type { Timetable } from './timetable.ts';

/**
 * What happens with slots that came while no beat was there: they are left out, the newest of them is fired, or all are, oldest
 * first.
 */
export const missedPolicies = ['skip', 'latest', 'all'] as const;
export type MissedPolicy = (typeof missedPolicies)[number];

/** A slot this late is missed: well above the 20 s that a takeover by another beat takes. */
export const missedAfterMs = 60_000;
/** Slots of one schedule fired in one round: the rest of a long absence comes in the rounds that follow. */
const maxSlotsPerRound = 100;
/** Slots walked through one by one; beyond them, the way to the newest is taken from its end. */
const maxWalk = 1000;

/** Seconds a slot waits, the same whoever asks: at least 0, below `jitterSeconds`. */
function jitterMs(id: string, slot: Date, jitterSeconds: number): number {
  if (jitterSeconds === 0) return 0;
  const digest = createHash('sha256').update(`${id} ${slot.getTime()}`).digest();
  return Math.floor((digest.readUInt32BE(0) / 2 ** 32) * jitterSeconds * 1000);
}

export interface Recurrence {
  /** Of the schedule: spreads schedules of one expression over their jitter. */
  readonly id: string;
  readonly timetable: Timetable;
  readonly jitterSeconds: number;
  readonly missed: MissedPolicy;
}

/** When a slot is due: with its jitter. */
export const dueAt = ({ id, jitterSeconds }: Pick<Recurrence, 'id' | 'jitterSeconds'>, slot: Date): Date =>
  new Date(slot.getTime() + jitterMs(id, slot, jitterSeconds));

export interface DueSlot {
  readonly slot: Date;
  readonly dueAt: Date;
  /** Seconds until the slot after it is due; for one that is made up for, as many as lie between the two. Undefined: it is the last. */
  readonly untilNextSeconds: number | undefined;
}

export interface DuePlan {
  /** To fire, oldest first. */
  readonly fire: readonly DueSlot[];
  /** Left out by the policy; of more than a thousand at least so many. */
  readonly missed: number;
  readonly next: Date | undefined;
}

/** @param first the slot that is due, not later than `now` with its jitter */
export function planDue(recurrence: Recurrence, first: Date, now: Date): DuePlan {
  return recurrence.missed === 'all' ? planAll(recurrence, first, now) : planNewest(recurrence, first, now);
}

function planAll(recurrence: Recurrence, first: Date, now: Date): DuePlan {
  const fire: DueSlot[] = [];
  let slot: Date | undefined = first;
  while (slot && fire.length < maxSlotsPerRound && dueAt(recurrence, slot) <= now) {
    const next: Date | undefined = recurrence.timetable.after(slot);
    fire.push(dueSlot(recurrence, slot, next, now));
    slot = next;
  }
  return { fire, missed: 0, next: slot };
}

function planNewest(recurrence: Recurrence, first: Date, now: Date): DuePlan {
  const { newest, next, passed } = newestDue(recurrence, first, now);
  const due = dueSlot(recurrence, newest, next, now);
  if (recurrence.missed === 'skip' && now.getTime() - due.dueAt.getTime() > missedAfterMs)
    return { fire: [], missed: passed + 1, next };
  return { fire: [due], missed: passed, next };
}

function dueSlot(recurrence: Recurrence, slot: Date, next: Date | undefined, now: Date): DueSlot {
  const at = dueAt(recurrence, slot);
  if (!next) return { slot, dueAt: at, untilNextSeconds: undefined };
  const untilMs = dueAt(recurrence, next).getTime() - now.getTime();
  return { slot, dueAt: at, untilNextSeconds: (untilMs > 0 ? untilMs : next.getTime() - slot.getTime()) / 1000 };
}

/** The newest slot that is due, the one after it, and how many lie between it and `first`, which counts. */
function newestDue(recurrence: Recurrence, first: Date, now: Date) {
  const { timetable } = recurrence;
  let newest = first;
  let passed = 0;
  const jump = (): void => {
    const near = nearEnd(recurrence, newest, now);
    if (!near) return;
    passed += timetable.everyMs ? (near.getTime() - newest.getTime()) / timetable.everyMs : 1;
    newest = near;
  };
  // an interval needs no walking
  if (timetable.everyMs) jump();
  for (let walked = 0; ; walked += 1) {
    if (walked === maxWalk) jump();
    const next = timetable.after(newest);
    if (!next || dueAt(recurrence, next) > now) return { newest, next, passed };
    newest = next;
    passed += 1;
  }
}

/** A slot after `from` that is due and near the newest such: looked for from `now` in steps back that double. */
function nearEnd(recurrence: Recurrence, from: Date, now: Date): Date | undefined {
  const { timetable } = recurrence;
  for (let backMs = (timetable.everyMs ?? 30_000) * 2; now.getTime() - backMs > from.getTime(); backMs *= 2) {
    const slot = timetable.after(new Date(now.getTime() - backMs));
    if (slot && dueAt(recurrence, slot) <= now) return slot > from ? slot : undefined;
  }
  return undefined;
}
