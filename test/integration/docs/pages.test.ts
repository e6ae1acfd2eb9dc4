/** Every command that a page shows is run: what starts a make target is checked, everything else runs on an embedded Millrace. */
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { commandsOf, root, startWalkThrough, type WalkThrough } from '../../../tools/docs/walk-through.ts';
import { readConfig } from '../../../worker/config/config.ts';

const run = promisify(execFile);
const make = async (...args: string[]) => (await run('make', args, { cwd: root })).stdout;

/** Pages with commands, and what has to stand in the answers. */
const pages: readonly { readonly page: string; readonly answers: readonly (RegExp | string)[] }[] = [
  {
    page: 'README.md',
    answers: [
      /"step":"parsing"/,
      /^event: end$/m,
      /"status":"COMPLETED"/,
      /340 slates/,
      /"name":"annual-meeting\.pdf"/,
    ],
  },
  { page: 'docs/guides/getting-started.md', answers: ['"indexing_status":"completed"', '340 slates', 'MODE=all'] },
  { page: 'docs/guides/indexing.md', answers: ['"indexing_technique":"economy"', '"doc_form":"hierarchical_model"'] },
  {
    page: 'docs/guides/command-line.md',
    answers: [
      /^README\.md +completed/m,
      /^slots +\d+ of \d+ busy$/m,
      'Nothing of yours waits or runs in the queue dataset.',
    ],
  },
  { page: 'docs/guides/doctor.md', answers: [/^ok: \d+ checks/m, '"status": "ok"', 'in use by process'] },
  {
    page: 'docs/guides/troubleshooting.md',
    answers: ['"ready":true', 'celery_task_executions_total', '"dead_letters":[]'],
  },
];

const commands = await Promise.all(
  pages.map(async ({ page }) => ({ page, ...commandsOf(await readFile(path.join(root, page), 'utf8')) })),
);

describe('make targets that pages name', () => {
  const named = commands.flatMap(({ page, make }) => make.map((command) => ({ page, ...command })));

  it('should name those that a newcomer needs', () => {
    const readme = named.filter(({ page }) => page === 'README.md').map(({ target }) => target);
    expect(readme).toEqual(expect.arrayContaining(['up', 'test', 'demo']));
  });

  it.each(named)('should be there and listed: make $target ($page)', async ({ target }) => {
    expect(await make('help')).toMatch(new RegExp(`^  make ${target} `, 'm'));
    expect(await make('-n', target)).not.toBe('');
  });

  it.each(named.filter(({ env }) => Object.keys(env).length > 0))(
    'should be given settings that a process starts with: $env',
    ({ env }) => {
      expect(() => readConfig(env)).not.toThrow();
    },
  );
});

describe('commands that pages show', () => {
  let walk: WalkThrough;
  beforeAll(async () => {
    walk = await startWalkThrough();
  });
  afterAll(async () => walk?.[Symbol.asyncDispose]());

  it.each(pages)('should do what $page says', { timeout: 120_000 }, async ({ page, answers }) => {
    const script = commands.find((entry) => entry.page === page)?.script ?? '';
    const { exitCode, output } = await walk.run(script);
    // a problem carries its HTTP status as a number
    expect(output).not.toMatch(/"status":[45]\d\d/);
    for (const answer of answers) expect(output).toMatch(answer);
    expect(exitCode, output).toBe(0);
  });
});
