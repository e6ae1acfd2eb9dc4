/** Each role of Redis connected to as a worker does it: same options, same way to the master, a command that it really needs. */
import type { RedisTarget } from '../../config/redis-target.ts';
import { errorText } from '../../errors.ts';
import {
  connectionCause,
  connectRedis,
  describeTarget,
  type RedisConnection,
  type RedisUse,
} from '../../redis/index.ts';
import { createLogger } from '../../telemetry/logger.ts';
import { within } from '../../within.ts';
import { faultOf, sentence } from '../causes.ts';
import { type Checked, type Finding, failed, fault } from '../report.ts';

export interface RedisRole {
  readonly role: 'broker' | 'cache' | 'events';
  readonly use: RedisUse;
  readonly target: RedisTarget;
}

/** A worker that waits longer for its Redis would hold its queues up. */
const readyMs = 5000;
const answerMs = 3000;
/** Within the keys that the ACL of the docs allows; nobody writes it. */
const probeKey = '{millrace:doctor}:probe';
/** Queues live by scripts: the broker must run them. */
const script = "return redis.call('exists', KEYS[1])";

export async function checkRedisRole({ role, use, target }: RedisRole): Promise<Checked> {
  const subject = `redis ${role}, as ${use}`;
  // what goes wrong is found out below, and told once
  const redis = connectRedis(target, use, createLogger({ level: 'fatal' }));
  const startedAt = performance.now();
  try {
    const cause = await becomesReady(redis, target);
    if (cause) return failed(subject, cause);
    const facts = { topology: target.topology, target: describeTarget(target), ready_ms: msSince(startedAt) };
    await within(answerMs, ask(redis, role), () => {
      throw new Error(`no answer within ${answerMs / 1000} s`);
    });
    const found = `${describeTarget(target)}, answers after ${msSince(startedAt)} ms`;
    return { subject, found, facts, findings: [], unseen: [] };
  } catch (error) {
    return failed(
      subject,
      fault(
        'redis_role_refused',
        sentence(`The ${role} connects to ${describeTarget(target)}, and a command of it fails: ${errorText(error)}`),
        'If the error says NOPERM, allow it in the ACL of the user; else see what the servers themselves say.',
      ),
    );
  } finally {
    redis.disconnect();
  }
}

const msSince = (startedAt: number) => Math.round(performance.now() - startedAt);

/** Undefined once it is ready; else what keeps it from that: told as soon as it is known, at the latest when time is over. */
async function becomesReady(redis: RedisConnection, target: RedisTarget): Promise<Finding | undefined> {
  if (redis.status === 'ready') return undefined;
  const settled = new Promise<Finding | undefined>((resolve, reject) => {
    redis.once('ready', () => resolve(undefined));
    // one error may be a server of several, or a moment: the connection tries on, and so does this wait
    redis.once('error', () => {
      connectionCause(target).then((cause) => cause && resolve(faultOf(cause)), reject);
    });
  });
  return within(readyMs, settled, () => explained(target));
}

const ask = (redis: RedisConnection, role: RedisRole['role']): Promise<unknown> =>
  role === 'broker' ? redis.eval(script, 1, probeKey) : redis.exists(probeKey);

async function explained(target: RedisTarget): Promise<Finding> {
  const cause = await connectionCause(target);
  if (cause) return faultOf(cause);
  return fault(
    'redis_not_ready',
    `${describeTarget(target)} was not ready within ${readyMs / 1000} s, though its servers answer.`,
    'See what is said of each of its servers; a failover under way ends by itself.',
  );
}
