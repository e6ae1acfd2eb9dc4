/**
 * The users of Redis that Millrace is meant to run as, and what each may do: the least that its work needs.
 * docs/reference/redis-acl.md is made of this table; test/integration/redis/acl.test.ts runs the work under it.
 */

/** All keys of all queues, whose prefix is `{millrace:<queue>}`, and of the events of tasks, `{millrace:events}`. */
const queueKeys = '{millrace:*}:*';

/** Of connecting, on every topology, and of running scripts: what these do is checked command by command. */
const connecting = [
  ...['client|setname', 'hello', 'info', 'ping', 'quit', 'select'],
  // of a cluster: its map, and slots that are on the move
  ...['asking', 'cluster|info', 'cluster|slots', 'readonly', 'readwrite'],
  ...['eval', 'evalsha'],
];

/** Jobs that wait, by priority or for their time. No flows and no deduplication of BullMQ: they would need more. */
const adding = [
  ...['exists', 'hget', 'hmget', 'hmset', 'hset', 'incr', 'incrby', 'llen', 'lpush', 'rpush', 'xadd', 'zadd', 'zrange'],
  'zrevrangebyscore',
];

/** Of the scripts `pause` and `removeJob`, and what the relay and the reconciler ask themselves. */
const maintaining = [
  ...['del', 'exists', 'get', 'hdel', 'hget', 'hgetall', 'hmget', 'hset', 'llen', 'lpush', 'lrange', 'lrem', 'ltrim'],
  ...['rename', 'rpush', 'sadd', 'scard', 'smembers', 'srem', 'xadd', 'zadd', 'zcard', 'zrange', 'zrem', 'zscore'],
];

/** How many jobs there are and where one stands; tasks that are not durable, sent all or none. `rpop` and `lindex` are of `getCounts`. */
const answering = [
  ...['exec', 'exists', 'hmget', 'lindex', 'llen', 'lpos', 'multi', 'rpop', 'zcard', 'zcount', 'zrank', 'zscore'],
];

/** Events of tasks: whether anybody listens to them, and writing them. */
const telling = ['mget', 'xadd'];

/** Listening to them, and letting that be known. */
const listening = ['get', 'pexpire', 'set', 'time', 'xadd', 'xrange', 'xread', 'xrevrange'];

/** Of the scripts that take, end and put back jobs; and waiting for one. */
const consuming = [
  ...['bzpopmin', 'del', 'exists', 'get', 'hdel', 'hexists', 'hget', 'hgetall', 'hincrby', 'hmget', 'hmset', 'hset'],
  ...['incr', 'llen', 'lpush', 'lrange', 'lrem', 'ltrim', 'pexpire', 'pttl', 'rpoplpush', 'rpush', 'sadd', 'scard'],
  ...['set', 'smembers', 'srem', 'xadd', 'xtrim', 'zadd', 'zcard', 'zpopmin', 'zrange', 'zrangebyscore', 'zrem'],
  ...['zremrangebyrank', 'zremrangebyscore', 'zrevrange', 'zrevrangebyscore', 'zscore'],
];

export interface AclUser {
  /** Who logs in as this user. */
  readonly purpose: string;
  /** Where the user stands: on the servers that hold data, or on sentinels. */
  readonly on: 'data' | 'sentinel';
  /** Patterns; none: no key at all. */
  readonly keys: readonly string[];
  /** Patterns of channels; none: none. */
  readonly channels: readonly string[];
  /** Nothing else is let in. */
  readonly commands: readonly string[];
}

/** Each command once, in order. */
const together = (...groups: readonly (readonly string[])[]): readonly string[] => [...new Set(groups.flat())].sort();

const data = { on: 'data', keys: [queueKeys], channels: [] } as const;
const keyless = { on: 'data', keys: [], channels: [] } as const;

/** By name. Names are free: `REDIS_USERNAME` says which one a process logs in as. */
export const aclUsers = {
  'millrace-api': {
    ...data,
    purpose:
      'MODE=api: hands tasks over, puts back what was lost, pauses queues, tells how much waits and what becomes of tasks.',
    commands: together(connecting, adding, maintaining, answering, telling, listening),
  },
  'millrace-worker': {
    ...data,
    purpose: 'MODE=worker and MODE=all: what the API may, and taking, ending and putting back jobs.',
    commands: together(connecting, adding, maintaining, answering, telling, listening, consuming),
  },
  'millrace-beat': {
    ...data,
    purpose: 'MODE=beat: hands tasks over and puts back what was lost.',
    commands: together(connecting, adding, maintaining, telling),
  },
  'millrace-producer': {
    ...data,
    purpose: 'Other BullMQ clients that add jobs: at once, by priority, delayed. No flows, no deduplication.',
    commands: together(connecting, adding),
  },
  'millrace-metrics': {
    ...keyless,
    purpose: 'Exporters of metrics: figures of the server, no key and no payload (SLOWLOG GET would show some).',
    commands: [
      ...['client|setname', 'cluster|info', 'dbsize', 'hello', 'info', 'latency|histogram', 'latency|latest', 'ping'],
      ...['quit', 'slowlog|len'],
    ],
  },
  'millrace-health': {
    ...keyless,
    purpose: 'Health checks of containers: `redis-cli ping` and nothing else.',
    commands: ['ping'],
  },
  'millrace-replica': {
    ...keyless,
    purpose: 'Replicas at their master (`masteruser`).',
    commands: ['ping', 'psync', 'replconf'],
  },
  'millrace-sentinel': {
    ...keyless,
    channels: ['__sentinel__:hello'],
    purpose: 'Sentinels at the servers that they watch (`sentinel auth-user`).',
    commands: [
      ...['client|kill', 'client|setname', 'config|rewrite', 'exec', 'info', 'multi', 'ping', 'publish', 'role'],
      ...['script|kill', 'slaveof', 'subscribe'],
    ],
  },
  'millrace-cluster': {
    ...keyless,
    purpose: 'Nodes of a cluster at each other: form it once, and find each other again when addresses have changed.',
    commands: [
      ...[
        'cluster|addslotsrange',
        'cluster|info',
        'cluster|meet',
        'cluster|myid',
        'cluster|nodes',
        'cluster|replicate',
      ],
      ...['cluster|set-config-epoch', 'ping'],
    ],
  },
  'millrace-sentinel-peer': {
    on: 'sentinel',
    keys: [],
    channels: ['__sentinel__:hello'],
    purpose: 'Sentinels at each other (`sentinel sentinel-user`).',
    commands: ['client|setname', 'ping', 'publish', 'sentinel|is-master-down-by-addr'],
  },
  'millrace-sentinel-client': {
    on: 'sentinel',
    keys: [],
    channels: ['+switch-master'],
    purpose: 'Millrace at sentinels (`REDIS_SENTINEL_USERNAME`): asks where the master is, and hears when it changes.',
    commands: ['hello', 'ping', 'sentinel|get-master-addr-by-name', 'sentinel|sentinels', 'subscribe'],
  },
} as const satisfies Record<string, AclUser>;

export type AclUserName = keyof typeof aclUsers;

export const aclUserNames = Object.keys(aclUsers) as AclUserName[];

/** The rules of a user without its password, as `ACL SETUSER` takes them; what it had before is taken away first. */
export function aclRules({ keys, channels, commands }: AclUser): string[] {
  return [
    'resetkeys',
    ...keys.map((pattern) => `~${pattern}`),
    'resetchannels',
    ...channels.map((pattern) => `&${pattern}`),
    '-@all',
    ...commands.map((command) => `+${command}`),
  ];
}

/**
 * A line of redis.conf, sentinel.conf or an ACL file.
 * @param password left out: the user is off until somebody gives it one
 */
export function aclLine(name: AclUserName, password?: string): string {
  const entry = password === undefined ? ['off'] : ['on', `>${password}`];
  return ['user', name, ...entry, ...aclRules(aclUsers[name])].join(' ');
}

/** The same with the password as its SHA-256, in hexadecimal: what lies on a disk shows no password. */
export function hashedAclLine(name: AclUserName, sha256: string): string {
  return ['user', name, 'on', `#${sha256}`, ...aclRules(aclUsers[name])].join(' ');
}
