/** Steps of those who hand over, of the reconciler, of the lease sweep, and of people: enqueue.ts, relay.ts, reconciler.ts. */
import type { Rules } from './rules.ts';
import { isFinished, type State, type Task } from './state.ts';
import { at, type Offer, type Steps } from './step.ts';

const waitsInPostgres = (task: Task) => task.status === 'PENDING' || task.status === 'RETRYING';

/** Accepting, and relays: a row is QUEUED from the statement that inserts or takes it, then its job is added. */
export const handoverSteps: Steps = (state, rules, offer) => {
  for (const [who, hander] of state.handers.entries()) {
    const enqueues = who < state.tasks.length;
    const name = enqueues ? `the sender of task ${who}` : `relay ${who - state.tasks.length + 1}`;
    const rest = enqueues ? 'done' : 'idle';
    if (hander.pc === 'new') acceptSteps(offer, who, name);
    else if (hander.pc === 'idle') {
      for (const [index, task] of state.tasks.entries()) {
        if (!waitsInPostgres(task) || !task.due) continue;
        offer('work', `${name} takes task ${index} (${task.status}, epoch ${task.epoch}): QUEUED`, (next) => {
          at(next.tasks, index).status = 'QUEUED';
          next.handers[who] = { pc: 'took', task: index, epoch: task.epoch };
        });
      }
    } else if (hander.pc !== 'done') {
      underWay(state, rules, offer, who, name, rest);
    }
  }
};

function acceptSteps(offer: Offer, who: number, name: string): void {
  const commit = (label: string, status: 'QUEUED' | 'PENDING') =>
    offer('work', `${name} ${label}`, (next) => {
      at(next.tasks, who).status = status;
      at(next.handers, who).pc = status === 'QUEUED' ? 'took' : 'done';
    });
  commit('commits the row as QUEUED', 'QUEUED');
  commit('commits the row and leaves it to the relay', 'PENDING');
  offer(
    'event',
    `${name} dies before the commit`,
    (next) => {
      at(next.handers, who).pc = 'done';
    },
    'crashes',
  );
}

function underWay(state: State, rules: Rules, offer: Offer, who: number, name: string, rest: 'done' | 'idle'): void {
  const { pc, task: index, epoch } = at(state.handers, who);
  const { job, status, epoch: now } = at(state.tasks, index);
  if (pc === 'took') {
    const effect = job === 'none' ? '' : ': a no-op, an old job of that id still stands';
    offer('work', `${name} adds the job of task ${index}${effect}`, (next) => {
      const task = at(next.tasks, index);
      if (task.job === 'none') task.job = 'wait';
      at(next.handers, who).pc = rest;
    });
    offer(
      'event',
      `${name} gets no answer to its add of task ${index}`,
      (next) => {
        at(next.tasks, index).strayAdd = true;
        at(next.handers, who).pc = rules.release ? 'failed' : rest;
      },
      'delays',
    );
  } else {
    const lets = status === 'QUEUED' && now === epoch;
    offer('work', `${name} gives task ${index} back${lets ? '' : `: too late, it is ${status}`}`, (next) => {
      if (lets) at(next.tasks, index).status = 'PENDING';
      at(next.handers, who).pc = rest;
    });
  }
  offer(
    'event',
    `${name} dies in mid-handover of task ${index}`,
    (next) => {
      at(next.handers, who).pc = rest;
    },
    'crashes',
  );
}

/** The reconciler reads rows, asks Redis, and puts back; the sweep takes over lapsed leases. Also clocks. */
export const keeperSteps: Steps = (state, rules, offer) => {
  for (const [index, task] of state.tasks.entries()) {
    if (rules.reconciler) reconcilerSteps(task, index, rules, offer);
    if (rules.leaseSweep && task.status === 'RUNNING' && !task.leased) {
      offer('work', `the lease sweep puts task ${index} back`, (next) => {
        const row = at(next.tasks, index);
        row.status = 'PENDING';
        row.due = true;
        if (rules.sweepRaisesEpoch) row.epoch += 1;
      });
    }
    if (!task.due) {
      offer('work', `the time of task ${index} comes`, (next) => {
        at(next.tasks, index).due = true;
      });
    }
  }
};

function reconcilerSteps(task: Task, index: number, rules: Rules, offer: Offer): void {
  const to = (reconciler: Task['reconciler']) => (next: State) => {
    at(next.tasks, index).reconciler = reconciler;
  };
  if (task.status === 'QUEUED' && !task.aged && rules.reconcilerGrace) {
    offer('reconcile', `task ${index} has been QUEUED for longer than the grace`, (next) => {
      at(next.tasks, index).aged = true;
    });
  }
  if (task.reconciler === 'idle') {
    if (task.status === 'QUEUED' && (task.aged || !rules.reconcilerGrace))
      offer('reconcile', `the reconciler reads that task ${index} is QUEUED`, to('looked'));
    return;
  }
  if (task.reconciler === 'looked') {
    const known = task.job !== 'none';
    offer('reconcile', `Redis ${known ? 'knows' : 'does not know'} task ${index}`, to(known ? 'idle' : 'missing'));
  } else {
    offer(
      'reconcile',
      `the reconciler puts task ${index} back${task.status === 'QUEUED' ? '' : ': too late'}`,
      (next) => {
        const row = at(next.tasks, index);
        row.reconciler = 'idle';
        if (row.status !== 'QUEUED') return;
        row.status = 'PENDING';
      },
    );
  }
  offer('event', `the reconciler dies with task ${index} in hand`, to('idle'), 'crashes');
}

/** Cancelling and retrying from outside, and the removal of what is old. */
export const peopleSteps: Steps = (state, _rules, offer) => {
  for (const [index, task] of state.tasks.entries()) {
    if (task.status !== 'none' && !isFinished(task.status)) {
      offer(
        'event',
        `somebody cancels task ${index} (${task.status})`,
        (next) => {
          const row = at(next.tasks, index);
          row.status = 'CANCELLED';
          row.epoch += 1;
        },
        'cancels',
      );
    }
    if (isFinished(task.status)) {
      offer(
        'event',
        `the finished row of task ${index} is removed with its effect keys`,
        (next) => {
          const row = at(next.tasks, index);
          row.status = 'none';
          row.key = false;
          row.epoch = 0;
          row.due = true;
        },
        'retentions',
      );
    }
    if (task.status === 'FAILED') {
      offer(
        'event',
        `somebody retries the dead letter ${index}`,
        (next) => {
          const row = at(next.tasks, index);
          row.status = 'PENDING';
          row.epoch += 1;
          row.due = true;
        },
        'deadLetterRetries',
      );
    }
  }
};
