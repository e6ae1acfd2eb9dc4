/** What peers keep of every delivery, in the words of all subjects. */
import type { Deliveries } from '../../../loadtest/peers/protocol.ts';
import { byStamps, fromCall } from './names.ts';
import type { Account, Pickups } from './subject.ts';

export function accountOf({ numbers, enteredMs }: Deliveries): Account {
  return {
    delivered: numbers.length,
    distinct: new Set(numbers).size,
    endedMs: enteredMs.toSorted((a, b) => a - b),
  };
}

/** A peer has no other moment of acceptance than the call: its answer may come after the handler was entered. */
export function pickupsOf({ sentMs, enteredMs, stampedMs }: Deliveries): readonly Pickups[] {
  const own = { measure: fromCall, ms: enteredMs.map((entered, index) => entered - (sentMs[index] ?? Number.NaN)) };
  return stampedMs ? [own, { measure: byStamps, ms: stampedMs }] : [own];
}
