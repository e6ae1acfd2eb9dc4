/** A database that explains what is asked of it: each statement is run, taken back, and then run as it would have been. */
import { z } from 'zod';
import type { Database, Queryable, Row, SqlValue, Transaction } from '../../../worker/db/index.ts';
import { median } from '../report.ts';

export interface Explained {
  readonly text: string;
  /** One a round. */
  readonly ms: readonly number[];
  readonly medianMs: number;
  /** Pages of 8 KiB that were looked at, in memory or read, by the plan of the last round. */
  readonly pages: number;
  readonly plan: PlanNode;
}

export interface PlanNode {
  readonly 'Node Type': string;
  readonly 'Relation Name'?: string | undefined;
  readonly 'Index Name'?: string | undefined;
  readonly 'Actual Rows': number;
  readonly 'Actual Loops': number;
  readonly 'Shared Hit Blocks': number;
  readonly 'Shared Read Blocks': number;
  readonly Plans?: readonly PlanNode[] | undefined;
}

const nodeSchema: z.ZodType<PlanNode> = z.lazy(() =>
  z.object({
    'Node Type': z.string(),
    'Relation Name': z.string().optional(),
    'Index Name': z.string().optional(),
    'Actual Rows': z.number(),
    'Actual Loops': z.number(),
    'Shared Hit Blocks': z.number(),
    'Shared Read Blocks': z.number(),
    Plans: z.array(nodeSchema).optional(),
  }),
);
const answerSchema = z.tuple([
  z.object({
    'QUERY PLAN': z.tuple([z.object({ Plan: nodeSchema, 'Planning Time': z.number(), 'Execution Time': z.number() })]),
  }),
]);

/** The first warms what the others find; triggers count. */
const rounds = 4;
const explainable = /^\s*(with|select|insert|update|delete)\b/i;

class TakenBack extends Error {}

/** Statements that go through `db` are put down in their order. */
export function explaining(db: Database): { readonly db: Database; readonly explained: Explained[] } {
  const explained: Explained[] = [];
  const inside = (tx: Transaction): Transaction => ({
    script: (text) => tx.script(text),
    async query<R extends Row>(text: string, params: readonly SqlValue[] = []) {
      if (explainable.test(text)) explained.push(await explain(tx, text, params));
      return tx.query<R>(text, params);
    },
  });
  return {
    explained,
    db: {
      driver: db.driver,
      async query<R extends Row>(text: string, params: readonly SqlValue[] = []) {
        if (explainable.test(text)) {
          const of = db.tx(async (tx) => {
            explained.push(await explain(tx, text, params));
            throw new TakenBack();
          });
          await of.catch((error: unknown) => {
            if (!(error instanceof TakenBack)) throw error;
          });
        }
        return db.query<R>(text, params);
      },
      tx: (work) => db.tx((tx) => work(inside(tx))),
      close: () => db.close(),
    },
  };
}

async function explain(tx: Transaction, text: string, params: readonly SqlValue[]): Promise<Explained> {
  const ms: number[] = [];
  let plan: PlanNode | undefined;
  for (let round = 0; round < rounds; round += 1) {
    await tx.script('savepoint explained');
    const [{ 'QUERY PLAN': answer }] = answerSchema.parse(await explainOnce(tx, text, params));
    await tx.script('rollback to savepoint explained');
    const [{ Plan, 'Execution Time': took }] = answer;
    if (round > 0) ms.push(took);
    plan = Plan;
  }
  if (!plan) throw new Error('there is no round');
  return { text, ms, medianMs: median(ms), pages: pagesOf(plan), plan };
}

/** A node counts its children's, but for what a statement changes beside its answer (`with gone as (delete …)`). */
export function pagesOf(node: PlanNode): number {
  const children = (node.Plans ?? []).reduce((sum, child) => sum + pagesOf(child), 0);
  return Math.max(node['Shared Hit Blocks'] + node['Shared Read Blocks'], children);
}

const explainOnce = (tx: Queryable, text: string, params: readonly SqlValue[]) =>
  tx.query(`explain (analyze, buffers, timing off, format json) ${text}`, params);
