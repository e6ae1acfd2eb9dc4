/** The connection budget at start: better refused now than when the last process finds no connection left under load. */
import type { Config } from '../config/config.ts';
import type { Database } from '../db/index.ts';
import {
  type BudgetLine,
  budgetOf,
  judgeBudget,
  postgresBudget,
  readConnectionLimits,
  redisBudget,
} from '../doctor/index.ts';
import { StartError } from '../errors.ts';
import type { Logger } from '../telemetry/logger.ts';

/**
 * Compares what all processes may open with what the servers let in. Servers that the process starts itself are left out, and
 * a limit that cannot be seen is said and goes through: Redis may be away when a process starts.
 * @throws StartError `connections_too_many`
 */
export async function holdBudget(config: Config, db: Database, log: Logger): Promise<void> {
  const broker = config.redis?.broker;
  const budget = budgetOf(config, broker?.topology);
  const lines: BudgetLine[] = broker ? await redisBudget(budget, broker) : [];
  if (config.database) {
    const { host, port } = config.database;
    lines.push(postgresBudget(budget, `${host}:${port}`, await readConnectionLimits(db)));
  }
  for (const { kind, server, needed, unknown } of lines)
    if (unknown !== undefined)
      log.info({ kind, server, needed, reason: unknown }, 'cannot see how many connections the server lets in');
  const findings = judgeBudget(lines, budget);
  for (const { code, message, mend } of findings) log.warn({ code, hint: mend }, message);
  const excess = findings.filter(({ level }) => level === 'fault');
  const [first] = excess;
  if (!first) return;
  throw new StartError({
    code: 'connections_too_many',
    message: excess.map(({ message }) => message).join('\n'),
    hint: `${first.mend} MILLRACE_API_REPLICAS and MILLRACE_WORKER_REPLICAS say how many processes there are.`,
  });
}
