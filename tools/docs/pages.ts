/** The pages that are generated, and what they should hold now. */

import { deliveryTestsPage } from '../mutants/page.ts';
import { cliPage } from './cli-page.ts';
import { decisionsPage } from './decisions-page.ts';
import { environmentPage } from './environment-page.ts';
import { httpPage, openApi } from './http-page.ts';
import { metricsPage } from './metrics-page.ts';
import { queuesPage } from './queues-page.ts';
import { redisAclPage } from './redis-acl-page.ts';
import { allTasks, tasksPage } from './tasks-page.ts';

export interface GeneratedPage {
  /** From the root of the repository. */
  readonly path: string;
  readonly text: string;
}

const note = (source: string) =>
  `<!-- Generated from ${source} by \`npm run docs:write\`: change it there, not here. -->\n\n`;

/** Builds every page; reads code, starts nothing. */
export async function generatePages(): Promise<GeneratedPage[]> {
  const tasks = [...allTasks()];
  const page = (name: string, source: string, text: string) => ({
    path: `docs/${name}.md`,
    text: `${note(source)}${text.trimEnd()}\n`,
  });
  return [
    page('reference/environment', 'worker/config/variables', environmentPage()),
    page('reference/cli', 'the definitions of the commands', cliPage()),
    page('reference/queues', 'worker/queues.ts', queuesPage(tasks)),
    page('reference/tasks', 'worker/tasks/registry.ts', tasksPage(tasks)),
    page('reference/http', 'the schemas under worker/api', httpPage(await openApi())),
    page('reference/redis-acl', 'worker/redis/acl.ts', redisAclPage()),
    page('reference/metrics', 'the definitions of the metrics', await metricsPage()),
    page('delivery-tests', 'tools/mutants', deliveryTestsPage()),
    page('decisions/README', 'the headings of the pages', await decisionsPage()),
  ];
}
