/** Why a task does not move: a decision over facts, without a look at any server. */
import { liveSeconds } from '../../heartbeat.ts';
import { isTerminal } from '../ledger/rows.ts';
import { fewInWindow } from '../ledger/window.ts';
import { endedReason } from './decide-ended.ts';
import type { TaskFacts } from './facts.ts';
import { queueObstacles, rateReason, slotsBusyReason } from './obstacles.ts';
import { type Reason, type Why, whyOf } from './reason.ts';
import { amount, counted, named, namedAll, span } from './words.ts';

/** The relay hands over each 200 ms; what is due for longer and held up by nothing has a fault to look for. */
const handOverSeconds = 5;
/** A consumer that hangs is built anew within 25 s. */
const silentSeconds = 30;

/** The answer for a task, in one sentence, and what else would hold it up. */
export function decideTask(facts: TaskFacts): Why {
  const { task } = facts;
  if (isTerminal(task.status)) return whyOf([endedReason(task)]);
  if (task.status === 'RUNNING') return whyOf([runningReason(facts)]);
  const later = parentsReason(facts) ?? laterReason(facts);
  const obstacles = queueObstacles(facts.queue);
  if (later) return whyOf([later, ...obstacles]);
  if (obstacles.length > 0) return whyOf(obstacles);
  return whyOf([task.status === 'QUEUED' || !task.durable ? standingReason(facts) : ledgerReason(facts)]);
}

function runningReason({ task, workerSilentSeconds, runSeconds }: TaskFacts): Reason {
  const { worker, leaseSeconds, timeLimitSeconds, durable } = task;
  const details = {
    worker,
    run_seconds: runSeconds ?? null,
    lease_seconds: leaseSeconds ?? null,
    worker_silent_seconds: workerSilentSeconds ?? null,
  };
  const silent = workerSilentSeconds !== undefined && workerSilentSeconds > liveSeconds;
  if (durable && ((leaseSeconds ?? 0) < 0 || silent)) {
    const heard = workerSilentSeconds === undefined ? '' : ` has not been heard of for ${span(workerSilentSeconds)}`;
    const lease =
      (leaseSeconds ?? 0) < 0
        ? `its lease is over since ${span(-(leaseSeconds ?? 0))}`
        : `its lease ends in ${span(leaseSeconds ?? 0)}`;
    return {
      code: 'worker_gone',
      sentence: `It ran on the worker ${worker}, which${heard === '' ? ' does not renew it' : heard}; ${lease}, and within 5 s of that end it is taken over and runs again.`,
      mend: 'Nothing, as long as an API or a worker process is alive: it takes the task over by itself.',
      details,
    };
  }
  const since = runSeconds === undefined ? '' : ` for ${span(runSeconds)}`;
  const lease = leaseSeconds === undefined ? '' : `, under a lease that is renewed (${span(leaseSeconds)} left)`;
  const limit = timeLimitSeconds === undefined ? '' : `, with a limit of ${span(timeLimitSeconds)}`;
  return {
    code: 'running',
    sentence: `It runs on ${worker === null ? 'a worker' : `the worker ${worker}`}${since}${lease}${limit}${progressWords(task.progress)}.`,
    mend: `Nothing is to be mended: millrace watch ${task.id} follows it, millrace cancel ${task.id} ends it.`,
    details: { ...details, progress: task.progress },
  };
}

function progressWords(progress: TaskFacts['task']['progress']): string {
  if (typeof progress !== 'object' || progress === null || Array.isArray(progress)) return '';
  const { step, fraction } = progress as { readonly step?: unknown; readonly fraction?: unknown };
  const words = [
    ...(typeof step === 'string' ? [step] : []),
    ...(typeof fraction === 'number' ? [`${Math.round(fraction * 100)} %`] : []),
  ];
  return words.length === 0 ? '' : `; it says: ${words.join(', ')}`;
}

function parentsReason({ parents }: TaskFacts): Reason | undefined {
  if (!parents || parents.count === 0) return undefined;
  const direct = namedAll(parents.first);
  const more = parents.count > parents.first.length ? ` and ${parents.count - parents.first.length} more` : '';
  const known = new Set(parents.first.map(({ id }) => id));
  const further = parents.roots.filter(({ id }) => !known.has(id));
  const hang = further.length === 0 ? '' : `; the flow stands at ${namedAll(further)}`;
  const root = parents.roots[0] ?? parents.first[0];
  return {
    code: 'waits_for_parents',
    sentence: `It starts when ${amount(parents.count, 'task')} of its flow ${parents.count === 1 ? 'has' : 'have'} completed: ${direct}${more}${hang}.`,
    mend: root ? `See what holds that one up: millrace why ${root.id}` : undefined,
    details: {
      waiting_for: parents.count,
      parents: parents.first.map(({ id, task, status }) => ({ task_id: id, task, status })),
      roots: parents.roots.map(({ id, task, status }) => ({ task_id: id, task, status })),
    },
  };
}

function laterReason({ task }: TaskFacts): Reason | undefined {
  const { dueInSeconds = 0, error, attempts, maxAttempts, expiresInSeconds } = task;
  if (dueInSeconds <= 0) return undefined;
  const details = { due_in_seconds: Math.ceil(dueInSeconds), expires_in_seconds: expiresInSeconds ?? null };
  if (task.status === 'RETRYING') {
    const of = maxAttempts === undefined ? '' : ` of ${maxAttempts}`;
    return {
      code: 'retry_later',
      sentence: `Attempt ${attempts}${of} failed (${error ? `${error.code}: ${error.message.replace(/\.$/, '')}` : 'no error is known'}); the next begins in ${span(dueInSeconds)}.`,
      mend: 'Wait. What it fails of is best mended before its attempts are spent.',
      details: { ...details, attempts, max_attempts: maxAttempts ?? null, error: error && { ...error } },
    };
  }
  const doomed = expiresInSeconds !== undefined && expiresInSeconds <= dueInSeconds;
  return {
    code: 'not_due',
    sentence: `Its time has not come: it is due in ${span(dueInSeconds)}${doomed ? `, and expires before that, in ${span(expiresInSeconds)}` : ''}.`,
    mend: doomed
      ? 'Cancel it, and send it with an expiry after its time.'
      : 'Wait, or cancel it and send it without eta or countdown.',
    details,
  };
}

/** Due, and not in Redis: what the relay would say. */
function ledgerReason(facts: TaskFacts): Reason {
  const { task, queue, ahead = { count: 0, capped: false } } = facts;
  const before = `${counted(ahead)} of yours ${ahead.count === 1 ? 'goes' : 'go'} before it`;
  /** A worker takes it from the ledger, without a place in the window. */
  const pulled = queue.window.pulled && !task.isolated;
  const held =
    tenantLimitReason(facts, ahead.count) ??
    rateReason(queue, ahead.count) ??
    (pulled ? slotsBusyReason(queue, ahead.count, before) : windowReason(facts));
  if (held) return held;
  const dueSeconds = -(task.dueInSeconds ?? 0);
  const details = { due_for_seconds: dueSeconds, ahead: ahead.count };
  if (dueSeconds < handOverSeconds || ahead.count > 0) {
    return {
      code: 'about_to_start',
      sentence: `Nothing holds it up: it has been due for ${span(dueSeconds)} and is ${pulled ? 'taken by a worker' : 'handed to Redis'} in a moment${ahead.count === 0 ? '' : `; ${before}`}.`,
      mend: undefined,
      details,
    };
  }
  return {
    code: 'not_handed_over',
    sentence: `It has been due for ${span(dueSeconds)}, nothing binds it, and ${pulled ? 'no worker has taken it from the ledger' : 'nobody has handed it to Redis'}.`,
    mend: pulled
      ? `Look for "cannot get tasks" in the logs of the workers that take from ${task.queue}: the database or Redis may not answer them.`
      : 'Look for "relay failed" in the logs of API and workers, and let millrace doctor try Redis: it may refuse writes.',
    details,
  };
}

function tenantLimitReason({ task, tenantLimit }: TaskFacts, ahead: number): Reason | undefined {
  if (!task.isolated || !tenantLimit || tenantLimit.held + ahead < tenantLimit.limit) return undefined;
  const { limit, held, holders } = tenantLimit;
  const who =
    holders.length === 0
      ? ''
      : ` now ${namedAll(holders)}${held > holders.length ? ` and ${held - holders.length} more` : ''},`;
  return {
    code: 'tenant_limit',
    sentence: `A tenant has at most ${amount(limit, 'task')} of its kind in the queue ${task.queue} at once,${who} and ${amount(ahead, 'more waits', 'more wait')} before it.`,
    mend: 'Wait for those, or raise TENANT_ISOLATED_TASK_CONCURRENCY.',
    details: {
      limit,
      held,
      ahead,
      holders: holders.map(({ id, task: name, status }) => ({ task_id: id, task: name, status })),
    },
  };
}

/** As the relay weighs it: a few places of a full window are not worth a round, but a tenant with few is let in. */
function windowReason({
  queue: { queue, window },
  ahead = { count: 0, capped: false },
  standingAhead = window.own,
}: TaskFacts): Reason | undefined {
  const { size, standing, own, tenants } = window;
  const worth = size - standing >= size / 4;
  if (worth || standingAhead + ahead.count < Math.min(fewInWindow, size)) return undefined;
  const others = tenants - (own > 0 ? 1 : 0);
  const whose =
    others === 0
      ? 'all of them your own'
      : `${own} of them your own and ${standing - own} of ${amount(others, 'other tenant')}`;
  return {
    code: 'window_full',
    sentence: `The window of the queue ${queue} is full: ${standing} of ${size} jobs stand in Redis, ${whose}, and ${counted(ahead)} more of yours ${ahead.count === 1 ? 'goes' : 'go'} before it.`,
    mend: 'Wait, or start more workers; MILLRACE_WINDOW only says how many wait in Redis, a larger one makes nothing faster.',
    details: { queue, size, standing, own, tenants, ahead: ahead.count },
  };
}

/** Handed over: what Redis and the workers do with it. */
function standingReason({ task, queue, job }: TaskFacts): Reason {
  const ahead = job?.ahead ?? 0;
  const details = { queued_seconds: task.queuedSeconds ?? null, job: job?.state ?? null, ahead };
  if (task.durable && job?.state === 'missing') {
    return {
      code: 'job_lost',
      sentence: `Redis does not know its job ${named(task)} any more: it was wiped or failed over, and the reconciler puts the job back within 10 s.`,
      mend: 'Nothing: it is put back by itself.',
      details,
    };
  }
  if (job?.state === 'active') {
    return {
      code: 'being_claimed',
      sentence:
        'A worker has fetched it and is about to claim it; if that worker died, it is given out again within 10 s.',
      mend: undefined,
      details,
    };
  }
  const busy = slotsBusyReason(queue, ahead);
  if (busy) return busy;
  if (ahead > 0) {
    return {
      code: 'behind_others',
      sentence: `${amount(ahead, 'job')} of the queue ${task.queue} ${ahead === 1 ? 'stands' : 'stand'} before it in Redis, and slots are free to take them.`,
      mend: 'Wait; a higher priority (9 goes first) puts a task before others.',
      details,
    };
  }
  if ((task.queuedSeconds ?? 0) > silentSeconds) {
    return {
      code: 'consumer_silent',
      sentence: `It has stood first in Redis for ${span(task.queuedSeconds ?? 0)} although slots are free: the consumer of the queue ${task.queue} may hang.`,
      mend: 'Look at /readyz and the log of the workers: a consumer that hangs is built anew within 25 s, else restart the worker.',
      details,
    };
  }
  return {
    code: 'about_to_start',
    sentence: 'Nothing holds it up: it stands in Redis, a slot is free, and a worker takes it in a moment.',
    mend: undefined,
    details,
  };
}
