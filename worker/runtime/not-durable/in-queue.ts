/** Tasks that are not durable, as a queue: how many there are, and taking away those that wait. They stand in Redis alone. */
import { type QueueName, queuePrefix } from '../../queues.ts';
import { answered } from '../../within.ts';
import type { Broker } from '../broker.ts';
import { removedEvent } from '../live/accepted.ts';
import type { LiveSink } from '../live/publisher.ts';
import { backoffType } from './job.ts';
import { type NotDurableRow, rowFields, rowOfJob } from './row.ts';

/** Ids of one page of a queue's set or list whose jobs were sent as not durable, after how many the page has. */
const pageScript = `
  local ids = redis.call(ARGV[1], KEYS[1], ARGV[2], ARGV[3])
  local found = { #ids }
  for _, id in ipairs(ids) do
    local options = redis.call('hget', ARGV[4] .. id, 'opts')
    if options and string.find(options, ARGV[5], 1, true) then found[#found + 1] = id end
  end
  return found`;

/** Jobs that Redis looks at in one script: half a millisecond of it. */
const pageJobs = 1000;
/** Jobs of a set that are looked at to count them; of more, the ledger says how many are durable. */
const maxCounted = 20_000;
/** Jobs that are read and taken away at once; a payload has up to 1 MiB. */
const removedAtOnce = 50;
/** Longest wait for Redis to answer one question. */
const answerMs = 3000;

/** Where jobs stand that nobody holds. Those that are due next stand at the right of lists and at the low end of sets. */
const waitingSets = ['delayed', 'prioritized', 'wait', 'paused'] as const;
type JobSet = (typeof waitingSets)[number] | 'active';
const isList = (set: JobSet): boolean => set === 'wait' || set === 'paused' || set === 'active';

export interface NotDurableDepth {
  readonly waiting: number;
  /** Waiting for their time, those that are tried again among them. */
  readonly delayed: number;
  readonly running: number;
}

/**
 * Tasks of a queue that are not durable, by state, over all tenants.
 * @param durableWaiting rows of the ledger that stand in Redis: what tells the others apart where very many wait
 * @throws when Redis does not answer in time
 */
export async function notDurableDepth(
  broker: Broker,
  queue: QueueName,
  durableWaiting: number,
): Promise<NotDurableDepth> {
  const [delayed, prioritized, wait, paused, running] = await Promise.all(
    [...waitingSets, 'active' as const].map((set) => countIn(broker, queue, set)),
  );
  const waits = [prioritized, wait, paused];
  const jobs = waits.reduce((sum, count) => sum + (count?.jobs ?? 0), 0);
  const counted = waits.reduce((sum, count) => sum + (count?.found ?? 0), 0);
  return {
    waiting: jobs > maxCounted ? Math.max(counted, jobs - durableWaiting) : counted,
    // durable tasks wait for their time in the ledger
    delayed: delayed && delayed.jobs > maxCounted ? delayed.jobs : (delayed?.found ?? 0),
    running: running?.found ?? 0,
  };
}

/** How many jobs stand there, and how many of those that were looked at are not durable. */
async function countIn(broker: Broker, queue: QueueName, set: JobSet): Promise<{ jobs: number; found: number }> {
  const jobs = await sizeOf(broker, queue, set);
  let found = 0;
  // to a page that is not full: jobs that are added meanwhile push others past the size that was told
  for (let from = 0; from < maxCounted; from += pageJobs) {
    const page = await readPage(broker, queue, set, from);
    found += page.ids.length;
    if (page.jobs < pageJobs) break;
  }
  return { jobs, found };
}

export interface PurgeNotDurableDeps {
  readonly broker: Broker;
  /** Told of what is taken away. */
  readonly live: LiveSink;
}

/**
 * Takes a tenant's waiting tasks that are not durable out of a queue: nothing of them remains. Running ones go on.
 * @returns how many, and whether Redis answered to the end: else some may be left
 */
export async function purgeNotDurable(
  deps: PurgeNotDurableDeps,
  queue: QueueName,
  tenantId: string,
): Promise<{ readonly removed: number; readonly whole: boolean }> {
  let removed = 0;
  try {
    for (const set of waitingSets)
      await purgeSet(deps, queue, set, tenantId, () => {
        removed += 1;
      });
    return { removed, whole: true };
  } catch {
    return { removed, whole: false };
  }
}

/**
 * Workers take jobs from one end meanwhile, so places are counted from the other: what comes or moves while this goes on may be
 * seen twice, and nothing is passed over.
 */
async function purgeSet(
  { broker, live }: PurgeNotDurableDeps,
  queue: QueueName,
  set: JobSet,
  tenantId: string,
  onRemoved: () => void,
): Promise<void> {
  if (!broker.ready) throw new Error('redis is away');
  const pages = Math.ceil((await sizeOf(broker, queue, set)) / pageJobs);
  for (let page = 0, kept = 0; page < pages; page += 1) {
    const { jobs, ids } = await readPage(broker, queue, set, kept);
    let gone = 0;
    for (let from = 0; from < ids.length; from += removedAtOnce) {
      const rows = await readRows(broker, queue, ids.slice(from, from + removedAtOnce));
      const own = rows.filter((row) => row.tenant_id === tenantId);
      const answers = await ask(Promise.all(own.map((row) => broker.queue(queue).remove(row.id))));
      for (const [index, row] of own.entries()) {
        // one that a worker has taken meanwhile goes on
        if (answers[index] !== 1) continue;
        gone += 1;
        onRemoved();
        live.publish(row.tenant_id, () => removedEvent(row, 'The queue was purged.', 'purged'));
      }
    }
    if (jobs < pageJobs) return;
    kept += jobs - gone;
  }
}

const ask = <T>(answer: Promise<T>): Promise<T> => answered(answerMs, answer, 'redis');
const keyOf = (queue: QueueName, name: string): string => `${queuePrefix(queue)}:${queue}:${name}`;

function sizeOf({ connection }: Broker, queue: QueueName, set: JobSet): Promise<number> {
  const key = keyOf(queue, set);
  return ask(isList(set) ? connection.llen(key) : connection.zcard(key));
}

/** A page that begins after so many, from the end at which nobody takes jobs. */
async function readPage(
  { connection }: Broker,
  queue: QueueName,
  set: JobSet,
  after: number,
): Promise<{ readonly jobs: number; readonly ids: readonly string[] }> {
  const [command, from, to] = isList(set)
    ? ['lrange', after, after + pageJobs - 1]
    : ['zrange', -after - pageJobs, -after - 1];
  const answer = await ask(
    connection.eval(pageScript, 1, keyOf(queue, set), command, from, to, keyOf(queue, ''), `"${backoffType}"`),
  );
  const [jobs, ...ids] = Array.isArray(answer) ? answer : [0];
  return { jobs: Number(jobs), ids: ids.map(String) };
}

/** As they stand; not locked, and of nobody else's making. */
async function readRows({ connection }: Broker, queue: QueueName, ids: readonly string[]): Promise<NotDurableRow[]> {
  const read = await ask(Promise.all(ids.map((id) => connection.hmget(keyOf(queue, id), ...rowFields))));
  return ids.flatMap(
    (id, index) => rowOfJob({ id, queue, values: read[index] ?? [], locked: false, delayedScore: null }) ?? [],
  );
}
