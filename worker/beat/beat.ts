/** A beat: stands by for the lead, and fires slots while it has it. Any number of them may run. */
import type { Registry } from 'prom-client';
import type { Database } from '../db/index.ts';
import {
  type DefinedSchedule,
  databaseNow,
  type Enqueuer,
  maxBatch,
  startLoop,
  type TaskRegistry,
} from '../runtime/index.ts';
import type { Logger } from '../telemetry/logger.ts';
import { within } from '../within.ts';
import { claimSlots, planDueRows, readDue } from './claim.ts';
import { Leadership } from './leadership.ts';
import { endLease, type Lease, NotLeaderError } from './lease.ts';
import { createBeatMetrics } from './metrics.ts';
import type { PlannedRow } from './plan.ts';
import { checkDefinitions, seedSchedules, settleSchedules } from './seed.ts';

/** How often a leader looks what is due; for what it knows of it wakes up in time. A schedule that was just made is seen by then. */
const tickMs = 1000;
/** Looked ahead over the longest pause between two looks. */
const lookAheadMs = 1500;
/** A timer that fires a bit early would only look in vain. */
const timerSlackMs = 2;
const retentionMs = 3_600_000;
/** Slots removed in one statement. */
const retentionBatch = 10_000;
/** Batches written side by side. */
const claimsAtOnce = 2;
/** Hand-overs under way. Beyond it a round waits a moment, and then leaves what it committed to relay and reconciler. */
const maxHandingOver = 4;
/** Below a second, so that slots are fired on time while Redis says nothing. */
const handOverWaitMs = 500;

export interface BeatOptions {
  readonly db: Database;
  readonly enqueuer: Pick<Enqueuer, 'within'>;
  readonly registry: TaskRegistry;
  /** Of code and platform; they belong to `tenantId`. */
  readonly schedules: readonly DefinedSchedule[];
  readonly tenantId: string;
  /** For people: host and process. */
  readonly name: string;
  /** How long fired slots are listed. */
  readonly keepSlotsSeconds: number;
  /** No other process can open this database: whose lease runs there is gone. */
  readonly alone?: boolean;
  readonly metrics: Registry;
  readonly log: Logger;
}

export interface Beat {
  readonly leading: boolean;
  /** Fires nothing more, and gives up the lead. */
  stop(): Promise<void>;
}

/** @throws StartError `schedules_invalid` */
export async function startBeat(options: BeatOptions): Promise<Beat> {
  const { db, registry, schedules, tenantId, name, log } = options;
  const metrics = createBeatMetrics(options.metrics, db);
  checkDefinitions(schedules, registry, await databaseNow(db));
  await seedSchedules({ db, registry, tenantId }, schedules);
  if (options.alone) await endLease(db);

  const leadership = new Leadership({
    db,
    name,
    log,
    onLead: async () => {
      // another release may have led, with other definitions
      await seedSchedules({ db, registry, tenantId }, schedules);
      const onFault = (schedule: string, fault: string) => log.warn({ schedule, fault }, 'a schedule has no next slot');
      await settleSchedules({ db, registry, tenantId, onFault }, schedules);
    },
    onChange: (lease) => {
      metrics.leads(lease);
      if (lease) tick.nudge();
    },
  });

  const handingOver = new Set<Promise<void>>();
  const claim = async (lease: Lease, planned: readonly PlannedRow[]): Promise<void> => {
    for (const { id, fault } of planned) if (fault) log.warn({ schedule: id, fault }, 'a slot could not be fired');
    const { fired, handOver } = await claimSlots(options, lease, planned);
    metrics.slots(
      fired,
      planned.reduce((sum, row) => sum + row.missed, 0),
    );
    if (handingOver.size >= maxHandingOver) await within(handOverWaitMs, Promise.race(handingOver), () => undefined);
    if (handingOver.size >= maxHandingOver) return;
    const handed = handOver().finally(() => handingOver.delete(handed));
    handingOver.add(handed);
  };
  const fire = async (lease: Lease): Promise<'again' | undefined> => {
    const due = await readDue(db, lookAheadMs, claimsAtOnce * maxBatch);
    if (due.nextInMs !== undefined) wakeIn(due.nextInMs);
    if (due.rows.length === 0) return undefined;
    // one batch is planned while another is written
    const claims: Promise<void>[] = [];
    for await (const planned of planDueRows(due, registry)) {
      const written = claim(lease, planned);
      // looked at below, when all have ended
      written.catch(() => undefined);
      claims.push(written);
      if (claims.length === claimsAtOnce) break;
    }
    const refused = (await Promise.allSettled(claims)).find((end) => end.status === 'rejected');
    if (refused) throw refused.reason;
    return 'again';
  };
  const tick = startLoop({
    name: 'beat',
    intervalMs: tickMs,
    log,
    round: async () => {
      const { lease } = leadership;
      if (!lease) return undefined;
      try {
        return await fire(lease);
      } catch (error) {
        if (!(error instanceof NotLeaderError)) throw error;
        leadership.lost(lease);
        return undefined;
      }
    },
  });
  let timer: NodeJS.Timeout | undefined;
  const wakeIn = (ms: number) => {
    clearTimeout(timer);
    timer = setTimeout(() => tick.nudge(), ms + timerSlackMs).unref();
  };
  const retention = startLoop({
    name: 'beat retention',
    intervalMs: retentionMs,
    log,
    round: async () => {
      if (!leadership.lease) return undefined;
      const removed = await db.query(
        `delete from schedule_slots where (schedule_id, slot) in (
           select schedule_id, slot from schedule_slots where fired_at < now() - make_interval(secs => $1) limit ${retentionBatch})
         returning 1 as removed`,
        [options.keepSlotsSeconds],
      );
      return removed.length === retentionBatch ? 'again' : undefined;
    },
  });
  return {
    get leading() {
      return leadership.lease !== undefined;
    },
    async stop() {
      clearTimeout(timer);
      await Promise.all([tick.stop(), retention.stop()]);
      await leadership.stop();
      await Promise.all(handingOver);
    },
  };
}
