/** What Redis and BullMQ do by themselves, and what clocks do to leases. */
import { at, type Steps } from './step.ts';
import { runsNow } from './worker-steps.ts';

export const redisSteps: Steps = (state, rules, offer) => {
  for (const [index, { job, strayAdd, replica }] of state.tasks.entries()) {
    const lapse = (label: string, kind: 'lock' | 'event') =>
      offer(
        kind,
        label,
        (next) => {
          at(next.tasks, index).job = 'lapsed';
        },
        kind === 'event' ? 'delays' : undefined,
      );
    if (typeof job === 'number') {
      const cutOff = at(state.workers, job).pc === 'cut_off';
      const lock = `the lock of worker ${job + 1} on task ${index} lapses`;
      if (!cutOff) lapse(`${lock} while it works`, 'event');
      else if (rules.lockFollowsLease) lapse(`${lock}: it renews no lease, so no lock`, 'lock');
    }
    if (job === 'orphaned') lapse(`the lock that nobody renews on task ${index} lapses`, 'lock');
    if (job === 'lapsed') {
      offer('lock', `BullMQ's stalled check moves task ${index} back`, (next) => {
        at(next.tasks, index).job = 'wait';
      });
    }
    if (strayAdd) {
      offer('event', `the add of task ${index} that got no answer runs now`, (next) => {
        const task = at(next.tasks, index);
        task.strayAdd = false;
        if (task.job === 'none') task.job = 'wait';
      });
    }
    if (state.left.losses > 0 && replica !== job) {
      offer('event', `the replica hears of task ${index}`, (next) => {
        at(next.tasks, index).replica = job;
      });
    }
  }
  offer(
    'event',
    'Redis fails over to the replica',
    (next) => {
      for (const task of next.tasks) task.job = task.replica;
    },
    'losses',
  );
  offer(
    'event',
    'Redis is wiped',
    (next) => {
      for (const task of next.tasks) {
        task.job = 'none';
        task.replica = 'none';
      }
    },
    'losses',
  );
};

/** Leases run out when their run is dead, cut off, or late. */
export const leaseSteps: Steps = (state, _rules, offer) => {
  for (const [index, { status, leased, holder, epoch }] of state.tasks.entries()) {
    if (status !== 'RUNNING' || !leased) continue;
    const worker = holder < 0 ? undefined : at(state.workers, holder);
    const runs = worker !== undefined && runsNow(worker) && worker.task === index && worker.epoch === epoch;
    const why = runs ? `: worker ${holder + 1} froze, or its renewals were lost` : '';
    offer(
      runs ? 'event' : 'work',
      `the lease of task ${index} runs out${why}`,
      (next) => {
        at(next.tasks, index).leased = false;
      },
      runs ? 'delays' : undefined,
    );
  }
};
