/** Jobs that wait by priority, added many in one call: what BullMQ's own script leaves in Redis, for a fraction of its work. */
import { type QueueName, queuePrefix } from '../queues.ts';
import { type RedisConnection, redisScript, runScript } from '../redis/index.ts';
import type { PlainJob } from './job.ts';

/**
 * BullMQ's `addPrioritizedJob` (6.7.0) without parents, deduplication, repetition and delays. A test compares
 * what the two leave in Redis (decision 0027). KEYS: the queue's `meta`. ARGV: the queue's prefix, time in ms; then for each job id,
 * name, data, options and priority.
 */
const addScript = redisScript(`
local call, prefix, at = redis.call, ARGV[1], ARGV[2]
local events = prefix .. 'events'
local meta = call('HMGET', KEYS[1], 'opts.maxLenEvents', 'paused', 'concurrency')
local most = meta[1]
if not most then
  most = 10000
  call('HSET', KEYS[1], 'opts.maxLenEvents', most)
end
call('INCRBY', prefix .. 'id', (#ARGV - 2) / 5)
local new, keys = {}, {}
for i = 3, #ARGV, 5 do keys[#keys + 1] = prefix .. ARGV[i] end
-- none stands there, as a rule: asked for all of them at once
local stand, seen = call('EXISTS', unpack(keys)) > 0, {}
for i = 3, #ARGV, 5 do
  local id = ARGV[i]
  local key = prefix .. id
  if seen[id] or (stand and call('EXISTS', key) == 1) then
    call('XADD', events, 'MAXLEN', '~', most, '*', 'event', 'duplicated', 'jobId', id)
  else
    local name, priority = ARGV[i + 1], ARGV[i + 4]
    seen[id] = true
    call('HMSET', key, 'name', name, 'data', ARGV[i + 2], 'opts', ARGV[i + 3], 'timestamp', at, 'delay', '0', 'priority', priority)
    call('XADD', events, '*', 'event', 'added', 'jobId', id, 'name', name)
    call('XADD', events, 'MAXLEN', '~', most, '*', 'event', 'waiting', 'jobId', id)
    new[#new + 1] = priority
    new[#new + 1] = id
  end
end
local added = #new / 2
if added == 0 then return 0 end
-- in the order of their coming, within a priority
local counter = call('INCRBY', prefix .. 'pc', added) - added
for i = 1, #new, 2 do
  counter = counter + 1
  new[i] = tonumber(new[i]) * 0x100000000 + counter % 0x100000000
end
for i = 1, #new, 1000 do call('ZADD', prefix .. 'prioritized', unpack(new, i, math.min(i + 999, #new))) end
local held = meta[2] or (meta[3] and call('LLEN', prefix .. 'active') >= tonumber(meta[3]))
if not held then call('ZADD', prefix .. 'marker', 0, '0') end
return added`);

/** Most jobs of a call: it holds Redis up for its whole length, some 10 µs a job. */
const maxJobs = 100;
/** Characters of data in a call, but for a single job that has more. */
const maxChars = 1 << 20;

export interface AddJobsOptions {
  /** All in one call, so that Redis takes all or none. */
  readonly together?: boolean;
}

/**
 * Adds jobs to a queue. One whose id stands there already stays as it is.
 * @throws when Redis refuses one of the calls; the others may have run
 */
export async function addJobs(
  connection: RedisConnection,
  queue: QueueName,
  jobs: readonly PlainJob[],
  { together = false }: AddJobsOptions = {},
): Promise<void> {
  const prefix = `${queuePrefix(queue)}:${queue}:`;
  const now = Date.now();
  const calls: (string | number)[][] = [];
  let room = 0;
  let count = 0;
  for (const { name, data, opts } of jobs) {
    const text = JSON.stringify(data);
    if (calls.length === 0 || (!together && (count === maxJobs || room < text.length))) {
      calls.push([prefix, now]);
      room = maxChars;
      count = 0;
    }
    calls.at(-1)?.push(opts.jobId, name, text, JSON.stringify(opts), opts.priority);
    room -= text.length;
    count += 1;
  }
  await Promise.all(calls.map((args) => runScript(connection, addScript, [`${prefix}meta`], args)));
}
