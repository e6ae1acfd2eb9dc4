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
import { faultOf, sentence } from '../causes.ts';
import { type Checked, failed, fault } from '../report.ts';
import { within } from '../within.ts';

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
    if (!(await becomesReady(redis))) return await explained(subject, target);
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

async function becomesReady(redis: RedisConnection): Promise<boolean> {
  if (redis.status === 'ready') return true;
  // "error" events are this wait's to sit out: the connection tries on
  const ready = new Promise<true>((resolve) => {
    redis.once('ready', () => resolve(true));
  });
  return within(readyMs, ready, () => false);
}

const ask = (redis: RedisConnection, role: RedisRole['role']): Promise<unknown> =>
  role === 'broker' ? redis.eval(script, 1, probeKey) : redis.exists(probeKey);

async function explained(subject: string, target: RedisTarget): Promise<Checked> {
  const cause = await connectionCause(target);
  if (cause) return failed(subject, faultOf(cause));
  return failed(
    subject,
    fault(
      'redis_not_ready',
      `${describeTarget(target)} was not ready within ${readyMs / 1000} s, though its servers answer.`,
      'See what is said of each of its servers; a failover under way ends by itself.',
    ),
  );
}
