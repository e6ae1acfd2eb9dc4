/** Jobs that change hands in Redis, many in one call: good ends, each with the queue's next job when it is wanted, and first jobs of slots. */
import { type QueueName, queuePrefix } from '../queues.ts';
import { type RedisConnection, redisScript, runScript } from '../redis/index.ts';

/**
 * BullMQ's `moveToFinished` (6.7.0) for jobs that have completed and have no parent, deduplication or repetition, and its
 * `moveToActive`. Jobs are given out where that is plain: nothing paused, limited or delayed until now; else BullMQ's own script is asked
 * (decision 0027). KEYS: the queue's `meta`. ARGV: the queue's prefix, time in ms, time of a lock in ms, the worker's name, a number of
 * tokens and these, for each of which a job is wanted; then for each job that ends its id, token, 1 when a next one is wanted, and its
 * result as JSON, or '' for a job that is removed. Answers whether it was plain, id and hash of each job for a token, when the first
 * delayed job is due in ms or 0, and for each end a code, the next job's id or '', and its hash. A hash is one text: fields and
 * values, and how many they are, with a zero byte between them, which costs the reader a fraction of so many answers.
 */
const moveScript = redisScript(`
local call, prefix, at = redis.call, ARGV[1], ARGV[2]
local wait, active, prioritized = prefix .. 'wait', prefix .. 'active', prefix .. 'prioritized'
local events = prefix .. 'events'
local meta = call('HMGET', KEYS[1], 'opts.maxLenEvents', 'paused', 'concurrency', 'max')
local most = meta[1] or 10000

-- keys of jobs that go, deleted together
local gone = {}

-- there: the job is known to be
local function finish(id, token, result, there)
  local key = prefix .. id
  local lock = key .. ':lock'
  if not there and call('EXISTS', key) == 0 then return -1 end
  local holder = call('GET', lock)
  if holder ~= token then return holder and -6 or -2 end
  if call('LREM', active, -1, id) < 1 then return -3 end
  if result == '' then
    result = '""'
    local last = #gone
    gone[last + 1], gone[last + 2], gone[last + 3], gone[last + 4] = key, lock, key .. ':logs', key .. ':dependencies'
    gone[last + 5], gone[last + 6], gone[last + 7] = key .. ':processed', key .. ':failed', key .. ':unsuccessful'
  else
    call('DEL', lock)
    call('HINCRBY', key, 'atm', 1)
    call('ZADD', prefix .. 'completed', at, id)
    call('HSET', key, 'returnvalue', result, 'finishedOn', at)
  end
  call('XADD', events, 'MAXLEN', '~', most, '*', 'event', 'completed', 'jobId', id, 'returnvalue', result, 'prev', 'active')
  return 0
end

-- ids of the next jobs, moved to the active ones: those without priority first
local function pop(wanted)
  local ids = {}
  while #ids < wanted do
    local id = call('RPOPLPUSH', wait, active)
    if not id then break end
    -- BullMQ before version 5 wakes workers by a marker among the ids
    if string.sub(id, 1, 2) == '0:' then call('LREM', active, 1, id) else ids[#ids + 1] = id end
  end
  local lacking = wanted - #ids
  if lacking == 0 then return ids end
  local popped, pushed = call('ZPOPMIN', prioritized, lacking), {}
  for i = 1, #popped, 2 do
    ids[#ids + 1] = popped[i]
    pushed[#pushed + 1] = popped[i]
  end
  if #pushed > 0 then call('LPUSH', active, unpack(pushed)) end
  if #pushed < lacking then call('DEL', prefix .. 'pc') end
  return ids
end

local function start(id, token)
  local key = prefix .. id
  local hash, starts = call('HGETALL', key), 1
  for i = 1, #hash, 2 do
    if hash[i] == 'ats' then starts = tonumber(hash[i + 1]) + 1 end
  end
  local news = { 'processedOn', at, 'pb', ARGV[4], 'ats', tostring(starts) }
  call('SET', key .. ':lock', token, 'PX', ARGV[3])
  call('XADD', events, '*', 'event', 'active', 'jobId', id, 'prev', 'waiting')
  call('HMSET', key, unpack(news))
  for _, part in ipairs(news) do hash[#hash + 1] = part end
  hash[#hash + 1] = #hash
  return table.concat(hash, '\\0')
end

local answer, first, wanting, ended = {}, {}, {}, {}
local tokens = tonumber(ARGV[5])
for i = 1, tokens do wanting[i] = { 0, ARGV[5 + i] } end
local keys = {}
for i = 6 + tokens, #ARGV, 4 do keys[#keys + 1] = prefix .. ARGV[i] end
local there = #keys > 0 and call('EXISTS', unpack(keys)) == #keys
for place = 1, #keys do
  local i = 2 + tokens + 4 * place
  local code = finish(ARGV[i], ARGV[i + 1], ARGV[i + 3], there)
  answer[place] = { code, '', '' }
  if code == 0 then
    ended[#ended + 1] = ARGV[i]
    if ARGV[i + 2] == '1' then wanting[#wanting + 1] = { place, ARGV[i + 1] } end
  end
end
if #gone > 0 then call('DEL', unpack(gone)) end
if #ended > 0 then call('SREM', prefix .. 'stalled', unpack(ended)) end
local delayed = #wanting > 0 and call('ZRANGE', prefix .. 'delayed', 0, 0, 'WITHSCORES')[2]
local due = delayed and math.floor(delayed / 0x1000) or 0
local plain = not (meta[2] or meta[3] or meta[4]) and (due == 0 or due > tonumber(at))
local ids = plain and #wanting > 0 and pop(#wanting) or {}
for place, id in ipairs(ids) do
  local index, token = wanting[place][1], wanting[place][2]
  if index == 0 then first[#first + 1] = { id, start(id, token) } else answer[index] = { 0, id, start(id, token) } end
end
local left = #wanting > 0 and #ids == #wanting and call('LLEN', wait) + call('ZCARD', prioritized) or 0
if left > 0 then
  call('ZADD', prefix .. 'marker', 0, '0')
elseif #ended > 0 and #ids == 0 and call('LLEN', active) == 0 and call('LLEN', wait) == 0 and call('ZCARD', prioritized) == 0 then
  call('XADD', events, '*', 'event', 'drained')
end
return { plain and 1 or 0, first, due, answer }`);

/** BullMQ's words for what its script answers. */
const reasons = new Map([
  [-1, 'it is not there'],
  [-2, 'it is not locked'],
  [-3, 'it is not active'],
  [-6, 'somebody else has locked it'],
]);

/** A job that is held. */
export interface EndingJob {
  readonly id: string;
  /** Of its lock, and of the next job's. */
  readonly token: string;
  /** Whether the queue's next job is wanted. */
  readonly next: boolean;
  /** JSON text, kept with the job; undefined: the job is removed. */
  readonly result: string | undefined;
}

/** A job as Redis gives it: fields and values in turn. */
export interface RawJob {
  readonly id: string;
  readonly hash: readonly string[];
}

export interface EndedJob {
  /** Why it could not be ended. */
  readonly refused: string | undefined;
  readonly next: RawJob | undefined;
}

export interface TakenJobs {
  /** False: these were not looked for, and BullMQ's script has to be asked. */
  readonly plain: boolean;
  /** One for each of the first tokens, as far as there are any. */
  readonly jobs: readonly RawJob[];
  /** When the first delayed job is due, ms since 1970; 0 for none. */
  readonly delayedUntil: number;
}

export interface MoveJobsOptions {
  readonly queue: QueueName;
  readonly connection: RedisConnection;
  /** Name of this process, for people. */
  readonly worker: string;
  /** Of the next jobs' locks. */
  readonly lockMs: number;
}

/** Ends jobs of one queue; answers in their order. @throws what Redis or the connection says */
export async function endJobs(options: MoveJobsOptions, jobs: readonly EndingJob[]): Promise<EndedJob[]> {
  const { ended } = await move(options, [], jobs);
  return ended.map(([code, id, hash]) => ({
    refused: code === 0 ? undefined : (reasons.get(code) ?? `code ${code}`),
    next: id === '' ? undefined : { id, hash },
  }));
}

/** Takes a job for each token, locked with it, as far as jobs wait. @throws what Redis or the connection says */
export async function takeJobs(options: MoveJobsOptions, tokens: readonly string[]): Promise<TakenJobs> {
  const { plain, taken, delayedUntil } = await move(options, tokens, []);
  return { plain, jobs: taken.map(([id, hash]) => ({ id, hash })), delayedUntil };
}

interface Moved {
  readonly plain: boolean;
  readonly taken: readonly (readonly [id: string, hash: readonly string[]])[];
  readonly delayedUntil: number;
  readonly ended: readonly (readonly [code: number, id: string, hash: readonly string[]])[];
}

async function move(
  { queue, connection, worker, lockMs }: MoveJobsOptions,
  tokens: readonly string[],
  ends: readonly EndingJob[],
): Promise<Moved> {
  const prefix = `${queuePrefix(queue)}:${queue}:`;
  const of = [prefix, Date.now(), lockMs, worker, tokens.length, ...tokens];
  const ending = ends.flatMap(({ id, token, next, result = '' }) => [id, token, next ? 1 : 0, result]);
  const answer = await runScript(connection, moveScript, [`${prefix}meta`], [...of, ...ending]);
  if (!Array.isArray(answer)) throw new Error(`redis answered a move of jobs with ${typeof answer}`);
  // of the shape that the script gives
  const [plain, taken, delayedUntil, ended] = answer as Answer;
  const broken: { readonly id: string; readonly parts: string[] }[] = [];
  const partsOf = (id: string, text: string): readonly string[] => {
    const parts = text.split('\0');
    if (Number(parts.pop()) !== parts.length) broken.push({ id, parts });
    return parts;
  };
  const moved: Moved = {
    plain: plain === 1,
    taken: taken.map(([id, text]) => [id, partsOf(id, text)]),
    delayedUntil,
    ended: ended.map(([code, id, text]) => [code, id, id === '' ? [] : partsOf(id, text)]),
  };
  const readAgain = async ({ id, parts }: (typeof broken)[number]) => {
    const fields = await connection.hgetall(`${prefix}${id}`);
    parts.splice(0, parts.length, ...Object.entries(fields).flat());
  };
  // one of their parts has a zero byte in it
  if (broken.length > 0) await Promise.all(broken.map(readAgain));
  return moved;
}

type Answer = [
  plain: number,
  taken: [id: string, text: string][],
  delayedUntil: number,
  ended: [code: number, id: string, text: string][],
];
