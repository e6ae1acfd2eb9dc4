/** Whether each queue has a worker that takes from it. */
import type { DatabaseTarget } from '../../config/config.ts';
import { sqlState } from '../../db/index.ts';
import { errorText } from '../../errors.ts';
import { consumersTold, judgeConsumers, readConsumers } from '../consumers.ts';
import type { Checked } from '../report.ts';
import { lookInto } from './postgres.ts';

const undefinedTable = '42P01';

/**
 * What is wrong with the server itself is told by its own check.
 * @param beforeStart the workers are still to come: that nobody takes from a queue is no finding
 */
export async function checkConsumers(
  target: DatabaseTarget,
  { beforeStart }: { readonly beforeStart: boolean },
): Promise<Checked> {
  const subject = 'consumers of the queues';
  try {
    const facts = await lookInto(target, readConsumers);
    return { subject, ...consumersTold(facts), findings: beforeStart ? [] : judgeConsumers(facts), unseen: [] };
  } catch (error) {
    const why = sqlState(error) === undefinedTable ? 'the schema is not there yet' : errorText(error);
    return { subject, found: 'not seen', facts: {}, findings: [], unseen: [`workers: ${why}`] };
  }
}
