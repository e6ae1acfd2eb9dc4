/** One data server: what it is, keeps, drops and holds. */
import type { RedisTarget } from '../../config/redis-target.ts';
import { askServer, dataAccess } from '../../redis/index.ts';
import { faultOf } from '../causes.ts';
import { readRedisFacts } from '../redis-facts.ts';
import { judgeRedis, redisFactsJson, redisSummary } from '../redis-findings.ts';
import { type Checked, failed } from '../report.ts';

export async function checkRedisServer(
  server: { readonly host: string; readonly port: number },
  target: RedisTarget,
): Promise<Checked> {
  const at = `${server.host}:${server.port}`;
  const subject = `redis server ${at}`;
  const { answer: facts, cause } = await askServer(server, dataAccess(target), readRedisFacts);
  if (cause) return failed(subject, faultOf(cause));
  return {
    subject,
    found: redisSummary(facts),
    facts: redisFactsJson(facts),
    findings: judgeRedis(at, facts, target.topology),
    unseen: facts.unseen,
  };
}
