/** Steps of workers: fetch, claim, effect, end, acknowledge (consumer.ts, run-task.ts, ledger/claim.ts, effects.ts, finish.ts). */
import type { Rules } from './rules.ts';
import { isFinished, isWaiting, type Outcome, type State, type Task, type Worker } from './state.ts';
import { at, type Break, type Offer, type Steps } from './step.ts';

/**
 * Whether a write with this run's epoch is let in. The owner's token is left out: two runs of one process have the same, so the
 * epoch must do it alone.
 */
const fenceHolds = (task: Task, worker: Worker) => task.status === 'RUNNING' && task.epoch === worker.epoch;

export const runsNow = (worker: Worker) =>
  worker.pc === 'running' || worker.pc === 'worked' || worker.pc === 'effected' || worker.pc === 'acked';

export const workerSteps: Steps = (state, rules, offer) => {
  for (const [who, worker] of state.workers.entries()) {
    const name = `worker ${who + 1}`;
    if (worker.pc === 'idle') {
      fetchSteps(state, offer, who, name);
      if (rules.workersPull) pullSteps(state, rules, offer, who, name);
    } else if (worker.pc === 'fetched') claimSteps(state, rules, offer, who, name);
    else if (runsNow(worker)) runSteps(state, rules, offer, who, name);
    else if (worker.pc === 'unsure') writeAgainStep(state, offer, who, name);
    else if (worker.pc === 'acking') acknowledgeSteps(state, rules, offer, who, name);
    else if (worker.pc === 'releasing') releaseStep(state, offer, who, name);
    if (worker.pc === 'idle' || worker.pc === 'cut_off') continue;
    offer('event', `${name} dies (${worker.pc})`, (next) => to(next, who, 'idle'), 'crashes');
  }
};

const to = (state: State, who: number, pc: Worker['pc'], outcome: Outcome = 'dropped') => {
  const worker = at(state.workers, who);
  worker.pc = pc;
  worker.outcome = outcome;
};

function fetchSteps(state: State, offer: Offer, who: number, name: string): void {
  for (const [index, { job }] of state.tasks.entries()) {
    if (job !== 'wait') continue;
    const fetch = (pc: 'fetched' | 'idle') => (next: State) => {
      at(next.tasks, index).job = who;
      const worker = at(next.workers, who);
      worker.pc = pc;
      worker.task = index;
    };
    offer('work', `${name} fetches the job of task ${index}`, fetch('fetched'));
    offer('event', `${name} fetches the job of task ${index}, and the answer is lost`, fetch('idle'), 'delays');
  }
}

/** A task that waits in the ledger alone is claimed without a job. */
function pullSteps(state: State, rules: Rules, offer: Offer, who: number, name: string): void {
  for (const [index, { status, due }] of state.tasks.entries()) {
    if ((status !== 'PENDING' && status !== 'RETRYING') || !due) continue;
    const pull = (pc: 'running' | 'idle') => (next: State) => {
      grant(next, rules, index, who);
      to(next, who, pc);
      const worker = at(next.workers, who);
      worker.task = index;
      worker.epoch = at(next.tasks, index).epoch;
      worker.pulled = true;
    };
    offer('work', `${name} pulls task ${index} (${status})`, pull('running'));
    offer('event', `${name} pulls task ${index}, and the answer is lost`, pull('idle'), 'delays');
  }
}

/** The row of a claim that is let in. */
function grant(state: State, rules: Rules, index: number, who: number): void {
  const task = at(state.tasks, index);
  if (task.status === 'RUNNING' ? rules.takeoverRaisesEpoch : rules.claimRaisesEpoch) task.epoch += 1;
  task.status = 'RUNNING';
  task.leased = true;
  task.holder = who;
}

function claimSteps(state: State, rules: Rules, offer: Offer, who: number, name: string): void {
  const index = at(state.workers, who).task;
  const { status, due, leased, foreign } = at(state.tasks, index);
  if (status === 'none' && foreign) {
    offer('work', `${name} takes task ${index} in: it comes from elsewhere`, (next) => {
      at(next.tasks, index).status = 'PENDING';
    });
    return;
  }
  const lapsed = status === 'RUNNING' && (!leased || !rules.leaseByDatabase);
  const waits = isWaiting(status);
  const revived = isFinished(status) && !rules.finishedStaysFinished;
  if (!lapsed && !(waits && due) && !revived) {
    const why =
      status === 'RUNNING'
        ? 'its lease lives'
        : waits
          ? 'it is not due'
          : status === 'none'
            ? 'it has no row'
            : `it is ${status}`;
    offer('work', `${name} may not claim task ${index}: ${why}`, (next) => to(next, who, 'acking', 'dropped'));
    return;
  }
  offer('work', `${name} claims task ${index} (${status})`, (next, broken) => {
    const task = at(next.tasks, index);
    if (revived) broken('a finished task ran again');
    if (status === 'RUNNING' && leased) broken('a lease that lives was taken over');
    grant(next, rules, index, who);
    to(next, who, 'running');
    at(next.workers, who).epoch = task.epoch;
  });
}

function runSteps(state: State, rules: Rules, offer: Offer, who: number, name: string): void {
  const worker = at(state.workers, who);
  const index = worker.task;
  const { holder, leased, key } = at(state.tasks, index);
  const holds = fenceHolds(at(state.tasks, index), worker);
  if (worker.pc === 'acked') {
    endStep(state, offer, who, `${name} writes COMPLETED after all`, 'completed', 'idle');
    return;
  }
  if (worker.pc === 'worked') {
    offer('work', `${name} records the effect's key`, (next) => {
      at(next.tasks, index).key = true;
      to(next, who, 'effected');
    });
  }
  if (worker.pc === 'running') {
    if (rules.effectFenced && !holds) {
      offer('work', `the effect of ${name} is refused by the fence`, (next) => to(next, who, 'acking', 'overtaken'));
    } else {
      const fresh = !rules.effectKeyed || !key;
      offer('work', `${name} ${fresh ? 'does the effect' : 'finds the effect done'}`, (next, broken) => {
        const task = at(next.tasks, index);
        to(next, who, rules.effectAtomic || !fresh ? 'effected' : 'worked');
        if (!fresh) return;
        task.effects += 1;
        if (rules.effectAtomic) task.key = true;
        if (task.effects > 1) broken('an effect was done twice');
        if (holder !== who) broken('an effect of a run that does not hold the task was let in');
      });
    }
  }
  if (worker.pc === 'effected' && !rules.writeBeforeAck) {
    offer('work', `${name} acknowledges before it writes`, (next) => {
      const task = at(next.tasks, index);
      if (task.job === who) task.job = 'none';
      to(next, who, 'acked');
    });
  } else if (worker.pc === 'effected') {
    endStep(state, offer, who, `${name} writes COMPLETED`, 'completed', 'acking');
  }
  otherEnds(state, offer, who, name);
  if (holds && !leased && holder === who) {
    offer('work', `${name} renews its lease in time after all`, (next) => {
      at(next.tasks, index).leased = true;
    });
  }
  offer('event', `${name} loses the database for good, and keeps Redis`, (next) => to(next, who, 'cut_off'), 'cutOffs');
}

/** Ends of a run that are nobody's progress: they happen so often and no more. */
function otherEnds(state: State, offer: Offer, who: number, name: string): void {
  const index = at(state.workers, who).task;
  const end = (label: string, outcome: Outcome, told: Outcome, price: 'retries' | 'failures' | 'handBacks') =>
    offer('event', `${name} ${label}`, (next, broken) => writeEnd(next, who, outcome, told, broken), price);
  end(`fails: RETRYING`, 'retrying', 'retrying', 'retries');
  end(`fails for good: FAILED`, 'failed', 'failed', 'failures');
  end(`stops and hands task ${index} back`, 'handed_back', 'handed_back', 'handBacks');
  if (state.left.delays === 0) return;
  offer(
    'event',
    `${name} fails: RETRYING, and hears no answer`,
    (next, broken) => {
      writeEnd(next, who, 'retrying', 'retrying', broken);
      if (at(next.tasks, index).status === 'RETRYING') at(next.workers, who).pc = 'unsure';
      next.left.delays -= 1;
    },
    'retries',
  );
  offer(
    'event',
    `${name} stops and hands task ${index} back, and writes it again because no answer came`,
    (next, broken) => {
      writeEnd(next, who, 'handed_back', 'overtaken', broken);
      next.left.delays -= 1;
    },
    'handBacks',
  );
}

function endStep(
  state: State,
  offer: Offer,
  who: number,
  label: string,
  outcome: Outcome,
  pc: 'acking' | 'idle',
): void {
  const worker = at(state.workers, who);
  const refused = fenceHolds(at(state.tasks, worker.task), worker) ? '' : ': refused by the fence';
  offer('work', `${label}${refused}`, (next, broken) => {
    writeEnd(next, who, outcome, outcome, broken);
    if (pc === 'idle') to(next, who, 'idle');
  });
}

/** The end was written, and no answer came: it is written again, and by then the row may be somebody else's. */
function writeAgainStep(state: State, offer: Offer, who: number, name: string): void {
  const worker = at(state.workers, who);
  const refused = fenceHolds(at(state.tasks, worker.task), worker) ? '' : ': refused by the fence';
  offer('work', `${name} writes RETRYING again${refused}`, (next, broken) =>
    writeEnd(next, who, 'retrying', 'retrying', broken),
  );
}

/** Writes the end of a run behind the fence. @param told what the worker then believes of it. */
function writeEnd(state: State, who: number, outcome: Outcome, told: Outcome, broken: Break): void {
  const worker = at(state.workers, who);
  const task = at(state.tasks, worker.task);
  if (!fenceHolds(task, worker)) {
    to(state, who, 'acking', 'overtaken');
    return;
  }
  if (task.holder !== who) broken('a write of a run that was overtaken was let in');
  to(state, who, 'acking', told);
  if (outcome === 'completed' && task.effects === 0) broken('a task completed without its effect');
  if (outcome === 'completed') task.status = 'COMPLETED';
  else if (outcome === 'failed') task.status = 'FAILED';
  else if (outcome === 'retrying') {
    task.status = 'RETRYING';
    task.due = false;
  } else {
    task.status = 'PENDING';
    task.epoch += 1;
  }
}

function acknowledgeSteps(state: State, rules: Rules, offer: Offer, who: number, name: string): void {
  const { task: index, outcome } = at(state.workers, who);
  const own = at(state.tasks, index).job === who;
  const after = rules.putBackAfterAck && outcome !== 'completed' ? 'releasing' : 'idle';
  const what = outcome === 'handed_back' ? `moves the job of task ${index} back` : `acknowledges task ${index}`;
  offer('work', `${name} ${what} (${outcome})${own ? '' : ': the lock is not its own'}`, (next) => {
    if (own) at(next.tasks, index).job = outcome === 'handed_back' ? 'wait' : 'none';
    to(next, who, after);
  });
  offer('event', `${name} cannot reach Redis to acknowledge task ${index}`, (next) => to(next, who, 'idle'), 'delays');
}

/** What was handed over while the old job still stood is handed over again. */
function releaseStep(state: State, offer: Offer, who: number, name: string): void {
  const { task: index } = at(state.workers, who);
  const { status } = at(state.tasks, index);
  const hands = status === 'QUEUED';
  offer('work', `${name} has task ${index} handed over anew${hands ? '' : `: it is ${status}`}`, (next) => {
    to(next, who, 'idle');
    if (hands) at(next.tasks, index).status = 'PENDING';
  });
}
