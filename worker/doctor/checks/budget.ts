/** The connection budget, as it is checked at start. */
import type { Config } from '../../config/config.ts';
import { errorText } from '../../errors.ts';
import { type BudgetLine, budgetOf, judgeBudget, postgresBudget, redisBudget } from '../budget.ts';
import { readConnectionLimits } from '../postgres-facts.ts';
import type { Checked } from '../report.ts';
import { lookInto } from './postgres.ts';

export async function checkBudget(config: Config): Promise<Checked> {
  const broker = config.redis?.broker;
  const budget = budgetOf(config, broker?.topology);
  const ofRedis = broker ? redisBudget(budget, broker) : Promise.resolve([]);
  const lines = [...(await ofRedis), ...(await ofPostgres(config))];
  const processes = budget.processes.map(({ mode, replicas }) => `${replicas} × ${mode}`).join(', ');
  // servers of a kind are needed alike: the tightest of each is told
  const tightest = (['redis', 'sentinel', 'postgres'] as const).flatMap((kind) => {
    const [line] = lines.filter((one) => one.kind === kind).toSorted(byLimit);
    return line ? [`${kind} ${line.needed} of ${line.limit ?? 'unknown'}`] : [];
  });
  return {
    subject: 'connection budget',
    found: [processes, ...tightest].join(', '),
    facts: {
      processes: budget.processes.map(({ mode, replicas, each }) => ({ mode, replicas, each: { ...each } })),
      servers: lines.map(({ kind, server, needed, limit }) => ({ kind, server, needed, limit: limit ?? null })),
    },
    findings: judgeBudget(lines, budget),
    unseen: lines.flatMap(({ kind, server, unknown }) =>
      unknown === undefined ? [] : [`limit of the ${kind} at ${server}: ${unknown}`],
    ),
  };

  async function ofPostgres({ database }: Config): Promise<BudgetLine[]> {
    if (!database) return [];
    const server = `${database.host}:${database.port}`;
    try {
      return [postgresBudget(budget, server, await lookInto(database, readConnectionLimits))];
    } catch (error) {
      return [{ kind: 'postgres', server, needed: budget.postgres, limit: undefined, unknown: errorText(error) }];
    }
  }
}

const byLimit = (a: BudgetLine, b: BudgetLine) =>
  (a.limit ?? Number.POSITIVE_INFINITY) - (b.limit ?? Number.POSITIVE_INFINITY);
