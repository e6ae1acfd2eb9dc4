/** The rules of delivery that can be weakened one by one, and how much may go wrong in one exploration. */

/** Each is true as the code stands, except the ones named as mends. */
export interface Rules {
  /** A claim of a waiting row raises the epoch. */
  readonly claimRaisesEpoch: boolean;
  /** A claim of a running row whose lease is over raises the epoch. */
  readonly takeoverRaisesEpoch: boolean;
  /** The lease sweep raises the epoch. */
  readonly sweepRaisesEpoch: boolean;
  /** Leases are judged by the database's clock. False: by each worker's own, which may be ahead. */
  readonly leaseByDatabase: boolean;
  /** A job whose row is finished is dropped. */
  readonly finishedStaysFinished: boolean;
  /** An effect checks the fence, in its transaction. */
  readonly effectFenced: boolean;
  /** An effect records its key. */
  readonly effectKeyed: boolean;
  /** An effect and its key commit together. */
  readonly effectAtomic: boolean;
  /** The end of a run is written before its job is acknowledged. */
  readonly writeBeforeAck: boolean;
  /** A row whose job Redis did not take is given back to the relay. */
  readonly release: boolean;
  /** Rows that Redis no longer knows are put back. */
  readonly reconciler: boolean;
  /** The reconciler leaves rows alone that were marked a moment ago. */
  readonly reconcilerGrace: boolean;
  /** Running rows whose lease is over are put back without waiting for a job. */
  readonly leaseSweep: boolean;
  /**
   * A worker sets a QUEUED row back to PENDING after it has acknowledged anything but a finished task: the relay may have handed the
   * row over while the job still stood, which added none.
   */
  readonly putBackAfterAck: boolean;
  /** Workers take what waits in the ledger by themselves, where Redis gave them nothing. */
  readonly workersPull: boolean;
  /** Mend: a worker that cannot renew a lease stops renewing the lock of its job. */
  readonly lockFollowsLease: boolean;
}

/** The rules as worker/runtime follows them. A mend that is made there is turned on here. */
export const asBuilt: Rules = {
  claimRaisesEpoch: true,
  takeoverRaisesEpoch: true,
  sweepRaisesEpoch: true,
  leaseByDatabase: true,
  finishedStaysFinished: true,
  effectFenced: true,
  effectKeyed: true,
  effectAtomic: true,
  writeBeforeAck: true,
  release: true,
  reconciler: true,
  reconcilerGrace: true,
  leaseSweep: true,
  putBackAfterAck: true,
  workersPull: true,
  lockFollowsLease: true,
};

/** How often each thing may happen in one history. */
export interface Budget {
  /** A process dies between two steps: whoever accepts, a relay, a reconciler, a worker. */
  readonly crashes: number;
  /**
   * Something is late: a worker freezes past its lease or its lock, a command to Redis gets no answer
   * (and runs later, or never).
   */
  readonly delays: number;
  /** A failover of Redis to a replica that lags by any number of writes, or a wipe. */
  readonly losses: number;
  /** A worker loses the database for good and keeps Redis. */
  readonly cutOffs: number;
  /** A handler fails and is tried again. */
  readonly retries: number;
  /** A handler fails for good: a dead letter. */
  readonly failures: number;
  /** Somebody retries a dead letter. */
  readonly deadLetterRetries: number;
  /** A stopping worker hands its task back. */
  readonly handBacks: number;
  /** Somebody cancels the task, or purges its queue. */
  readonly cancels: number;
  /** The finished row and its effect keys are old enough to be removed. */
  readonly retentions: number;
}

export const nothingHappens: Budget = {
  crashes: 0,
  delays: 0,
  losses: 0,
  cutOffs: 0,
  retries: 0,
  failures: 0,
  deadLetterRetries: 0,
  handBacks: 0,
  cancels: 0,
  retentions: 0,
};

export interface Setting {
  readonly rules: Rules;
  readonly tasks: number;
  readonly workers: number;
  readonly relays: number;
  /** The tasks are not accepted by us: another BullMQ client has added jobs, under ids that are UUIDs. */
  readonly foreign: boolean;
  readonly budget: Budget;
}

/** One task, two workers, one relay, unless told otherwise. */
export const setting = (budget: Partial<Budget>, more: Partial<Omit<Setting, 'budget'>> = {}): Setting => ({
  rules: asBuilt,
  tasks: 1,
  workers: 2,
  relays: 1,
  foreign: false,
  ...more,
  budget: { ...nothingHappens, ...budget },
});
