/** What a task that is not durable cannot have, and what is said then. */
import { MillraceError, PermanentError } from '../../errors.ts';
import type { TaskOptions } from '../options.ts';

interface Asked {
  readonly task: string;
  readonly options?: TaskOptions | undefined;
}

export const asksNotDurable = ({ options }: Asked): boolean => options?.durable === false;

/** Nothing of it may be sent in a transaction: Redis takes no part in it. */
export function refuseInTransaction(requests: readonly Asked[]): void {
  const asked = requests.find(asksNotDurable);
  if (!asked) return;
  throw new PermanentError({
    code: 'durable_only',
    message: `${asked.task} was to be accepted in a transaction of Postgres with durable: false; Redis takes no part in that.`,
    hint: 'Leave `durable` out of follow-up tasks.',
  });
}

/** @throws MillraceError `durable_only` for what the ledger alone can hold to */
export function refuseLedgerOptions({ task, options }: Asked, tenantIsolated: boolean): void {
  const refused =
    options?.uniqueKey !== undefined
      ? 'a unique key'
      : tenantIsolated
        ? 'a bound on how many of a tenant run at once'
        : undefined;
  if (refused === undefined) return;
  throw new MillraceError({
    code: 'durable_only',
    message: `${task} with durable: false cannot have ${refused}: the ledger keeps that, and no row of it would stand. Nothing was accepted.`,
    hint: 'Leave `durable` out, or set it to true.',
  });
}

/** @throws MillraceError `durable_mixed` */
export function refuseMixed(requests: readonly Asked[]): void {
  if (requests.every(asksNotDurable)) return;
  throw new MillraceError({
    code: 'durable_mixed',
    message:
      'Expected a batch whose tasks are all durable or all not, instead got both: they cannot be accepted together. Nothing was accepted.',
    hint: 'Send two batches.',
  });
}

/** @throws MillraceError `queues_mixed` */
export function refuseQueues(queues: ReadonlySet<string>): void {
  if (queues.size <= 1) return;
  throw new MillraceError({
    code: 'queues_mixed',
    message: `Expected a batch of one queue, as its tasks are not durable, instead got ${[...queues].join(', ')}. Nothing was accepted.`,
    hint: 'Redis takes all or none of one queue only: send a batch a queue.',
  });
}

/** Thrown into handlers. */
export const needsLedger = (task: string, what: string): PermanentError =>
  new PermanentError({
    code: 'durable_only',
    message: `${task} used ${what}, which needs a row in the ledger; it was sent with durable: false and has none.`,
    hint: 'Send the task without durable: false, or let its handler do without.',
  });
