// biome-ignore-all lint/suspicious/noTemplateCurlyInString: sources of templates stand in strings
import type { Chapter } from '../mutant.ts';
import { flowLedger, flowRetention, flowRuns } from './tests.ts';

const flowsFile = 'worker/runtime/ledger/flows.ts';
const trigger = 'worker/db/migrations/0005_flows.sql';
const revival = 'worker/runtime/ledger/flow-revival.ts';

/** What waits for others starts when all of them have completed, and is cancelled when one of them never will. */
export const flows: Chapter = {
  title: 'Flows',
  mutants: [
    {
      id: 'flow-waits',
      rule: 'A task that waits for another is not due.',
      file: flowsFile,
      text: `case when r.parents > 0 then 'infinity' else now()`,
      broken: `case when false then 'infinity' else now()`,
      test: flowLedger('should let nobody claim a task that waits'),
    },
    {
      id: 'flow-all-parents',
      rule: 'It waits for all of those before it.',
      file: trigger,
      text: 'case when t.waiting_for > freed.parents then t.due_at',
      broken: 'case when false then t.due_at',
      test: flowRuns('should run a group side by side, and its body when all are done'),
    },
    {
      id: 'flow-counts-each',
      rule: 'Parents that end in one statement all count.',
      file: trigger,
      text: 'set waiting_for = t.waiting_for - freed.parents',
      broken: 'set waiting_for = t.waiting_for - 1',
      test: flowLedger('should take the widest flow there may be'),
    },
    {
      id: 'flow-countdown',
      rule: 'Its countdown begins when the last one before it ends.',
      file: trigger,
      text: 'make_interval(secs => coalesce(freed.countdown, 0))',
      broken: 'make_interval(secs => 0)',
      test: flowLedger('should free a task after its countdown'),
    },
    {
      id: 'flow-parent-lost',
      rule: 'When one before it ends in another way than well, it is cancelled with all that follows.',
      file: trigger,
      text: 'if lost is not null then',
      broken: 'if lost is null then',
      test: flowLedger('should cancel what waits for a task that ended as'),
    },
    {
      id: 'flow-expired-parent',
      rule: 'To expire is such an end, and so is to be purged or cancelled.',
      file: trigger,
      text: `filter (where status <> 'COMPLETED' and error`,
      broken: `filter (where status = 'FAILED' and error`,
      test: flowLedger('should cancel what waits for a task that expired'),
    },
    {
      id: 'flow-results-order',
      rule: 'A task gets the results of those before it in the order in which the flow names them.',
      file: 'worker/runtime/ledger/flow-results.ts',
      text: 'from parents order by place',
      broken: 'from parents order by place desc',
      test: flowRuns('should run a group side by side, and its body when all are done'),
    },
    {
      id: 'flow-results-kept',
      rule: 'Results stay while a task of their flow lives, whatever the retention.',
      file: 'worker/runtime/ledger/partitions.ts',
      text: 'exists (select from tasks_live l where l.flow_id = ${row}.flow_id)\n  or ',
      broken: '',
      test: flowLedger('should keep results for as long as a task of their flow lives'),
    },
    {
      id: 'flow-results-retried',
      rule: 'And of one that lives again when its day is about to go.',
      file: 'worker/runtime/ledger/partitions.ts',
      text: 'union select flow_id from tasks_live where flow_id is not null and accepted_at < $2',
      broken: 'union select flow_id from tasks_live where false and accepted_at < $2',
      test: flowRetention('should keep one whose dead letter is retried'),
    },
    {
      id: 'flow-results-all',
      rule: 'Of any number of flows in a day.',
      file: 'worker/runtime/ledger/partitions.ts',
      text: 'after = row?.last ?? null;\n  }\n  return young;',
      broken: 'after = null;\n  }\n  return young;',
      test: flowRetention('should keep those that are young of any number'),
    },
    {
      id: 'flow-cancel-fence',
      rule: 'To cancel a flow fences what runs of it.',
      file: flowsFile,
      text: 'deaths, epoch + 1, worker,',
      broken: 'deaths, epoch, worker,',
      test: flowRuns('should cancel all of a flow that has not ended'),
    },
    {
      id: 'flow-cancel-tenant',
      rule: 'Nobody cancels the flow of another tenant.',
      file: flowsFile,
      text: 'select id from flows where id = $1 and tenant_id = $2 for update',
      broken: 'select id from flows where id = $1 and ($2::uuid is not null) for update',
      test: flowRuns('should cancel all of a flow that has not ended'),
    },
    {
      id: 'flow-revives',
      rule: 'The retry of a dead letter brings back what its end had cancelled.',
      file: revival,
      text: 'where ended.follows and f.id',
      broken: 'where false and f.id',
      test: flowRuns('should go on where it stopped when the dead letter is retried'),
    },
    {
      id: 'flow-revives-all',
      rule: 'But not what waits for another one that failed, too.',
      file: revival,
      text: 'and not exists (select from lost where lost.id = f.id)',
      broken: '',
      test: flowRuns('should bring back what waits for two failed tasks only when both are retried'),
    },
    {
      id: 'flow-new-keys',
      rule: 'A flow with an id that was forgotten finds no effect keys of the old task.',
      file: flowsFile,
      text: `await tx.query('delete from effects where task_id = any ($1::uuid[])', [own]);`,
      broken: '',
      test: flowLedger('should begin without the effect keys of a forgotten task'),
    },
  ],
};
