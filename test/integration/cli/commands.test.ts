/** Every command's output and exit code, against one running system. */
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { CommandLine } from '../../../worker/cli/command-line.ts';
import { createProgram } from '../../../worker/cli/program.ts';
import { defineTask } from '../../../worker/runtime/index.ts';
import { documentsFolder } from '../../fixtures/questions.ts';
import { freePort } from '../../harness/processes.ts';
import { runOnce, type System, startSystem } from './setup.ts';

const tasks = [
  defineTask({
    name: 'fall',
    queue: 'fast_tasks',
    description: 'Fails for good.',
    payload: z.strictObject({ why: z.string().optional() }),
    retry: { retries: 0 },
    handle: async () => {
      throw new Error('The wheel is broken.');
    },
  }),
];
const uuid = '[0-9a-f]{8}-[0-9a-f-]{27}';
const refused = (code: number, what: string) => ({ code, stdout: '', stderr: expect.stringContaining(what) });

describe('the commands', () => {
  let t: System;
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'millrace-cli-'));
    t = await startSystem({ tasks, queues: ['fast_tasks', 'dataset', 'priority_dataset', 'retention'], slots: 4 });
  });
  afterAll(async () => {
    await t?.[Symbol.asyncDispose]();
    await rm(folder, { recursive: true, force: true });
  });

  const send = async (task: string, ...args: string[]): Promise<string> =>
    (await t.json('send', task, ...args)).task_id;
  const sendEnded = async (task: string, status: string): Promise<string> => {
    const id = await send(task);
    await t.until(id, status);
    return id;
  };

  describe('send, status', () => {
    it('should print the id alone, so that a script can take it', async () => {
      const { code, stdout, stderr } = await t.run(['send', 'sample_noop']);
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
      expect(stdout).toMatch(new RegExp(`^${uuid}\n$`));
      await t.until(stdout.trim(), 'COMPLETED');
      const shown = await t.run(['status', stdout.trim()]);
      expect(shown.stdout).toMatch(/^task +sample_noop$/m);
      expect(shown.stdout).toMatch(/^status +COMPLETED$/m);
    });

    it('should take the payload as an argument, from a file, and from standard input', async () => {
      const file = join(folder, 'payload.json');
      await writeFile(file, '{"run": "cli", "n": 2}');
      const task = ['send', 'sample_effect', '--wait', '--timeout', '20'];
      const ran = [
        await t.run([...task, '{"run": "cli", "n": 1}']),
        await t.run([...task, `@${file}`]),
        await t.run([...task, '-'], { stdin: '{"run": "cli", "n": 3}' }),
      ];
      for (const { code, stdout } of ran) {
        expect(code).toBe(0);
        expect(stdout).toMatch(/^status +COMPLETED$/m);
      }
      const rows = await t.db.query<{ n: number }>(`select n from sample_effects where run = 'cli' order by n`);
      expect(rows.map(({ n }) => n)).toEqual([1, 2, 3]);
      expect(await t.run(['send', 'sample_noop', '{"ms"'])).toEqual(
        refused(2, 'payload_unreadable: The payload of the argument is no JSON'),
      );
      expect(await t.run(['send', 'sample_noop', '@nowhere.json'])).toEqual(refused(2, 'nowhere.json cannot be read'));
    });

    it('should pass options on, and say what the API says of wrong ones', async () => {
      const id = randomUUID();
      const args = ['--queue', 'mail', '--priority', '9', '--countdown', '600', '--task-id', id, '--unique-key', 'cli'];
      expect(await t.json('send', 'sample_noop', ...args)).toEqual({ task_id: id, status: 'PENDING' });
      expect(await t.json('status', id)).toMatchObject({ queue: 'mail', priority: 9, status: 'PENDING' });
      expect(await t.json('send', 'sample_noop', '--unique-key', 'cli')).toMatchObject({ task_id: id });
      await t.json('cancel', id, '--yes');
      expect(await t.run(['send', 'sample_nap'])).toEqual(refused(1, 'millrace: task_unknown: '));
      expect(await t.run(['send', 'sample_sleep', '{"ms": "long"}'])).toEqual(refused(1, 'payload.ms'));
      expect(await t.run(['send', 'sample_noop', '--priority', '10'])).toEqual(refused(2, 'whole number from 1 to 9'));
      expect(await t.json('send', 'sample_noop', '--not-durable')).toMatchObject({ durable: false });
    });

    it('should end with 1 when the task failed, and with 124 when the time is over', async () => {
      const failed = await t.run(['send', 'fall', '--wait', '--timeout', '20']);
      expect(failed).toMatchObject({ code: 1, stdout: expect.stringContaining('task_error: The wheel is broken.') });
      const slow = await t.run(['send', 'sample_sleep', '{"ms": 60000}', '--wait', '--timeout', '0.2', '--json']);
      expect(slow.code).toBe(124);
      const id = JSON.parse(slow.stdout).task_id;
      expect((await t.run(['status', id, '--wait', '--timeout', '0'])).code).toBe(124);
      await t.json('cancel', id, '--yes');
      expect((await t.run(['status', id, '--wait'])).code).toBe(1);
    });

    it('should list the newest tasks, page by page', async () => {
      await sendEnded('sample_noop', 'COMPLETED');
      const listed = await t.run(['status', '--task', 'sample_noop', '--status', 'completed', '--limit', '1']);
      expect(listed.stdout.split('\n')).toHaveLength(4);
      const cursor = /--cursor (\S+)/.exec(listed.stderr)?.[1] ?? '';
      const next = await t.json('status', '--task', 'sample_noop', '--limit', '1', '--cursor', cursor);
      expect(next.tasks).toHaveLength(1);
      expect((await t.run(['status', '--queue', 'retention'])).stdout).toBe('No such tasks.\n');
      expect(await t.run(['status', randomUUID()])).toEqual(refused(1, 'task_not_found'));
    });
  });

  describe('watch', () => {
    it('should print a line a change until the task has ended, and end as it did', async () => {
      const id = await send('sample_sleep', '{"ms": 150}');
      const { code, stdout } = await t.run(['watch', id]);
      expect(code).toBe(0);
      expect(stdout.trimEnd().split('\n').at(-1)).toBe(`${id} sample_sleep COMPLETED`);
      const failed = await t.run(['watch', await send('fall')]);
      expect(failed).toMatchObject({
        code: 1,
        stdout: expect.stringContaining('FAILED task_error: The wheel is broken.'),
      });
    });

    it('should watch several at once, as JSON a line each', async () => {
      const ids = [await send('sample_noop'), await send('sample_noop')];
      const { code, stdout } = await t.run(['watch', ...ids, '--json']);
      const last = new Map(
        stdout
          .trimEnd()
          .split('\n')
          .map((line) => JSON.parse(line))
          .map(({ id, status }) => [id, status]),
      );
      expect({ code, last }).toEqual({ code: 0, last: new Map(ids.map((id) => [id, 'COMPLETED'])) });
    });

    it('should draw a bar on a terminal', async () => {
      const { code, stdout } = await t.run(['watch', await send('sample_sleep', '{"ms": 150}')], {
        terminal: { columns: 120 },
      });
      expect(code).toBe(0);
      expect(stdout).toMatch(/sample_sleep +█{24} 100 % COMPLETED/);
    });

    it('should look at queues and workers until it is interrupted, or has looked so often', async () => {
      await t.run(['pause', 'retention']);
      const twice = await t.run(['watch', '--count', '2', '--interval', '0.05']);
      expect(twice.code).toBe(0);
      expect(twice.stdout.match(/^retention +paused/gm)).toHaveLength(2);
      expect(twice.stdout).toMatch(/^test +worker +\d +4 /m);
      const ended = await t.run(['watch', '--interval', '0.05'], { interruptAt: /(retention.*){2}/s });
      expect(ended.code).toBe(130);
      const sleeper = await send('sample_sleep', '{"ms": 60000}');
      expect((await t.run(['watch', sleeper], { interruptAt: /RUNNING/ })).code).toBe(130);
      await t.json('cancel', sleeper, '--yes');
      await t.run(['resume', 'retention']);
    });
  });

  describe('queues, pause, resume, purge, drain, workers', () => {
    it('should show how full queues are', async () => {
      const ids = [await send('sample_noop', '--queue', 'mail'), await send('sample_noop', '--queue', 'mail')];
      const { code, stdout } = await t.run(['queues']);
      expect(code).toBe(0);
      expect(stdout).toMatch(/^queue +state +pending +queued +running +retrying +oldest +consumers +in redis$/m);
      expect(stdout).toMatch(/^mail +no consumer +\d +\d +0 +0 +\S+ s +0 +\d$/m);
      expect(stdout).toMatch(/^fast_tasks +open .* 1 +\d$/m);
      const busy = await t.json('queues', '--busy');
      expect(busy.queues.map(({ name }: { name: string }) => name)).toContain('mail');
      await t.json('cancel', ...ids, '--yes');
    });

    it('should pause and resume several', async () => {
      expect(await t.run(['pause', 'mail', 'plugin'])).toMatchObject({
        code: 0,
        stdout: 'mail is paused\nplugin is paused\n',
      });
      expect(await t.json('resume', 'mail', 'plugin')).toEqual({
        queues: [
          { name: 'mail', paused: false },
          { name: 'plugin', paused: false },
        ],
      });
      expect(await t.run(['pause', 'none'])).toEqual(refused(1, 'queue_not_found'));
    });

    it('should ask before it purges, and refuse where nobody can be asked', async () => {
      const id = await send('sample_noop', '--queue', 'mail');
      expect(await t.run(['purge', 'mail'])).toEqual(refused(2, 'confirmation_needed'));
      const no = await t.run(['purge', 'mail'], { terminal: { columns: 100, answers: ['n'] } });
      expect(no).toMatchObject({
        code: 1,
        stderr: expect.stringContaining('Waiting there, of all tenants: 1. Go on? [y/N]'),
      });
      expect((await t.json('status', id)).status).not.toBe('CANCELLED');
      const yes = await t.run(['purge', 'mail'], { terminal: { columns: 100, answers: ['y'] } });
      expect(yes).toMatchObject({ code: 0, stdout: expect.stringContaining('1 task of mail was cancelled') });
      expect(await t.json('purge', 'mail', '--yes')).toEqual({ name: 'mail', purged: 0 });
    });

    it('should wait until queues have run empty', async () => {
      await send('sample_sleep', '{"ms": 700}');
      const drained = await t.run(['drain', 'fast_tasks', '--timeout', '20']);
      expect(drained).toMatchObject({
        code: 0,
        stdout: expect.stringMatching(
          /^fast_tasks +draining 0\/1 tasks\nfast_tasks +empty 1\/1 tasks\nThe queues are empty\.\n$/,
        ),
      });
      const id = await send('sample_noop', '--queue', 'mail');
      const left = await t.run(['drain', 'mail', '--timeout', '0.1', '--json']);
      expect(left.code).toBe(124);
      expect(JSON.parse(left.stdout)).toMatchObject({ drained: false, queues: [{ name: 'mail' }] });
      await t.json('cancel', id, '--yes');
      expect(await t.run(['drain', 'none'])).toEqual(refused(1, 'queue_not_found'));
    });

    it('should show workers', async () => {
      expect((await t.run(['workers'])).stdout).toMatch(
        /^test +worker +\d +4 +\S+ \S+ +\S+ s ago +fast_tasks, dataset, priority_dataset and 1 more$/m,
      );
      expect(await t.json('workers')).toMatchObject({ workers: [{ name: 'test', slots: { capacity: 4 } }] });
    });

    it('should cut tables to the width of a terminal', async () => {
      const { stdout } = await t.run(['queues'], { terminal: { columns: 40 } });
      for (const line of stdout.trimEnd().split('\n')) expect(line.length).toBeLessThanOrEqual(40);
    });
  });

  describe('cancel', () => {
    it('should cancel several, and name those that could not be', async () => {
      const [waits, ended] = [
        await send('sample_noop', '--countdown', '600'),
        await sendEnded('sample_noop', 'COMPLETED'),
      ];
      expect(await t.run(['cancel', waits])).toEqual(refused(2, 'confirmation_needed'));
      const some = await t.run(['cancel', waits, ended, '--yes']);
      expect(some).toMatchObject({
        code: 1,
        stdout: `${waits} CANCELLED\n`,
        stderr: expect.stringContaining('task_finished'),
      });
      expect((await t.json('status', waits)).status).toBe('CANCELLED');
    });
  });

  describe('inspect', () => {
    it('should show what runs, waits for its time, stands in Redis, and can be sent', async () => {
      const runs = await send('sample_sleep', '{"ms": 60000}');
      const later = await send('sample_noop', '--countdown', '600');
      const sooner = await send('sample_noop', '--countdown', '60', '--queue', 'mail');
      await t.run(['pause', 'retention']);
      const stands = await send('sample_noop', '--queue', 'retention');
      await t.until(stands, 'QUEUED');
      await t.until(runs, 'RUNNING');
      const scheduled = await t.run(['inspect', 'scheduled']);
      expect(scheduled.stdout).toMatch(new RegExp(`${sooner}.*${later}`, 's'));
      expect((await t.json('inspect', 'scheduled', '--queue', 'mail')).tasks).toMatchObject([{ task_id: sooner }]);
      expect((await t.run(['inspect', 'reserved'])).stdout).toMatch(
        new RegExp(`^${stands} +sample_noop +retention +QUEUED`, 'm'),
      );
      await expect
        .poll(() => t.run(['inspect', 'active']), { timeout: 10_000, interval: 200 })
        .toMatchObject({
          code: 0,
          stdout: expect.stringMatching(new RegExp(`^test +sample_sleep +fast_tasks +${runs} +\\S+ s$`, 'm')),
        });
      const stats = await t.json('inspect', 'stats');
      expect(stats).toMatchObject({ workers: 1, slots: 4, queued: 1, running: 1, paused: ['retention'], redis: true });
      expect((await t.run(['inspect', 'stats'])).stdout).toMatch(/^slots +1 of 4 busy$/m);
      const { tasks: known } = await t.json('inspect', 'registered');
      expect(known.find(({ task }: { task: string }) => task === 'sample_sleep')).toMatchObject({
        queue: 'fast_tasks',
        retries: 2,
        payload: { properties: { ms: { type: 'integer' } }, additionalProperties: false },
      });
      expect((await t.run(['inspect', 'registered'])).stdout).toMatch(
        /^sample_noop +fast_tasks +2 .* Does nothing\.$/m,
      );
      await t.run(['resume', 'retention']);
      await t.json('cancel', runs, later, sooner, '--yes');
      await t.until(stands, 'COMPLETED');
    });
  });

  describe('dlq', () => {
    it('should list, show, retry and drop dead letters', async () => {
      await t.json('dlq', 'drop', '--all', '--yes');
      expect((await t.run(['dlq', 'list'])).stdout).toBe('There are none.\n');
      const [one, two] = [await sendEnded('fall', 'FAILED'), await sendEnded('fall', 'FAILED')];
      expect((await t.run(['dlq', 'list', '--task', 'fall'])).stdout).toMatch(
        new RegExp(
          `^${two} +fall +fast_tasks +FAILED +1 +\\S+ s ago +task_error: The wheel is broken\\.\n${one} `,
          'm',
        ),
      );
      const shown = await t.run(['dlq', 'show', one]);
      expect(shown.stdout).toMatch(
        /^payload\n {2}\{\}\nerrors\n {2}\S+Z attempt 1: task_error: The wheel is broken\.$/m,
      );
      expect(await t.json('dlq', 'show', one)).toMatchObject({ task_id: one, error_history: [{ code: 'task_error' }] });
      expect(await t.run(['dlq', 'show', randomUUID()])).toEqual(refused(1, 'dead_letter_not_found'));

      expect(await t.run(['dlq', 'retry', one])).toMatchObject({ code: 0, stdout: '1 task runs again\n' });
      await t.until(one, 'FAILED');
      expect(await t.run(['dlq', 'retry', '--task', 'fall'])).toEqual(refused(2, 'confirmation_needed'));
      expect((await t.json('dlq', 'retry', '--task', 'fall', '--yes')).task_ids).toHaveLength(2);
      for (const id of [one, two]) await t.until(id, 'FAILED');
      expect(await t.run(['dlq', 'drop', one])).toEqual(refused(2, 'confirmation_needed'));
      expect(await t.run(['dlq', 'drop', one, '--yes'])).toMatchObject({
        code: 0,
        stdout: '1 dead letter was dropped\n',
      });
      expect(await t.json('dlq', 'drop', '--queue', 'fast_tasks', '--yes')).toEqual({ dropped: 1 });
      expect(await t.run(['dlq', 'retry'])).toEqual(refused(2, 'choice_missing'));
      expect(await t.run(['dlq', 'drop', one, '--all', '--yes'])).toEqual(refused(2, 'not both'));
    });
  });

  describe('schedules', () => {
    it('should list, show, pause, resume and run them', async () => {
      const made = { task: 'sample_noop', payload: {}, cron: '0 3 * * *', timezone: 'Europe/Berlin' };
      await t.call('PUT', '/v1/schedules/nightly', made);
      const listed = await t.run(['schedules', 'list', '--task', 'sample_noop']);
      expect(listed.stdout).toMatch(/^nightly +active +0 3 \* \* \* Europe\/Berlin +\S+ \S+ +never +sample_noop/m);
      expect(listed.stderr).toContain('No beat is alive');
      expect(await t.run(['schedules', 'pause', 'nightly'])).toMatchObject({ code: 0, stdout: 'nightly is paused\n' });
      expect(await t.json('schedules', 'resume', 'nightly')).toMatchObject({ schedules: [{ status: 'active' }] });
      const { stdout } = await t.run(['schedules', 'run', 'nightly']);
      await t.until(stdout.trim(), 'COMPLETED');
      const shown = await t.run(['schedules', 'show', 'nightly']);
      expect(shown.stdout).toMatch(/^when +0 3 \* \* \* Europe\/Berlin$/m);
      expect(shown.stdout).toMatch(new RegExp(`\\(by hand\\) +${stdout.trim()}$`, 'm'));
      expect((await t.json('schedules', 'show', 'nightly')).upcoming.length).toBeGreaterThan(0);
      expect(await t.run(['schedules', 'show', 'none'])).toEqual(refused(1, 'schedule_not_found'));
    });
  });

  describe('index, ask', () => {
    it('should index files, show how far it is, and find what answers', { timeout: 60_000 }, async () => {
      const file = join(folder, 'mill.txt');
      await writeFile(file, 'The mill stands still on Sundays.\n\nThe wheel has 340 slates.');
      const indexed = await t.run([
        'index',
        file,
        fileURLToPath(new URL('morning-start.txt', documentsFolder)),
        '--dataset',
        'cli',
      ]);
      expect(indexed).toMatchObject({ code: 0, stderr: '' });
      expect(indexed.stdout).toMatch(/^mill\.txt +completed 1\/1 segments$/m);
      expect(indexed.stdout).toMatch(/^mill\.txt +completed +1$/m);
      const answer = await t.run(['ask', 'how', 'many', 'slates', '--dataset', 'cli', '--top', '1']);
      expect(answer).toMatchObject({
        code: 0,
        stdout: expect.stringMatching(/^0\.\d+ {2}mill\.txt\n {2}The mill .* 340 slates\.\n$/),
      });
      expect((await t.json('ask', 'slates', '--dataset', 'cli', '--method', 'full_text_search')).records).toHaveLength(
        1,
      );
      const bars = await t.run(['index', file, '--dataset', 'cli'], { terminal: { columns: 120 } });
      expect(bars).toMatchObject({ code: 0, stdout: expect.stringMatching(/mill\.txt +█{24} completed 1\/1/) });
    });

    it('should say what cannot be indexed or asked, and send nothing of it', async () => {
      const empty = join(folder, 'empty.txt');
      await writeFile(empty, ' ');
      expect(await t.run(['index', empty, join(folder, 'nowhere.txt'), '--dataset', 'cli'])).toEqual(
        refused(2, 'file_unreadable'),
      );
      expect(await t.run(['index', folder, '--dataset', 'cli'])).toEqual(refused(2, 'file_unreadable'));
      const failed = await t.run(['index', empty, '--dataset', 'cli']);
      expect(failed).toMatchObject({ code: 1, stdout: expect.stringMatching(/^empty\.txt +error .*document_\w+: /m) });
      expect(await t.json('index', empty, '--dataset', 'cli', '--no-wait')).toMatchObject({
        documents: [{ name: 'empty.txt' }],
      });
      expect(await t.run(['ask', 'slates', '--dataset', 'none'])).toEqual(refused(1, 'dataset_not_found'));
    });
  });

  describe('migrate, config, completion, help', () => {
    const env = () => ({
      DB_HOST: t.address.host,
      DB_PORT: String(t.address.port),
      DB_USERNAME: t.address.user,
      DB_PASSWORD: t.address.password,
      DB_DATABASE: t.address.database,
    });

    it('should bring a database up to date, and say so when it is', async () => {
      const fresh = `cli_${randomUUID().slice(0, 8)}`;
      await t.db.query(`create database ${fresh}`);
      const first = await t.run(['migrate'], { env: { ...env(), DB_DATABASE: fresh } });
      expect(first).toMatchObject({ code: 0, stdout: expect.stringMatching(/^applied ledger\napplied knowledge\n/) });
      expect((await t.run(['migrate'], { env: env() })).stdout).toBe('The database is up to date.\n');
      expect(JSON.parse((await t.run(['migrate', '--json'], { env: env() })).stdout)).toEqual({ applied: [] });
      expect(await t.run(['migrate'], { env: { ...env(), DB_PASSWORD: 'wrong' } })).toEqual(
        refused(78, 'database_refused'),
      );
    });

    it('should end as the Millrace that it starts', async () => {
      const { PATH = '' } = process.env;
      const { code } = await runOnce(['up', '--home', join(folder, 'home')], { env: { PATH, DB_TYPE: 'mysql' } });
      expect(code).toBe(78);
    });

    it('should print the configuration, the completion and help', async () => {
      const { MILLRACE_URL: _url, ...plain } = env() as Record<string, string>;
      expect((await t.run(['config'], { env: plain })).stdout).toContain('DB_PASSWORD=***');
      expect((await t.run(['completion', 'fish'])).stdout).toContain('complete -c millrace');
      expect(await t.run(['completion', 'csh'])).toEqual(refused(2, 'bash, zsh, fish'));
      expect(await t.run(['--help'])).toMatchObject({ code: 0, stdout: expect.stringMatching(/^Usage: millrace/) });
      expect(await t.run(['whi'])).toEqual(refused(2, 'why'));
    });
  });

  describe('the way to the API', () => {
    it('should say what to do when nothing answers', async () => {
      const url = `http://127.0.0.1:${await freePort()}`;
      const key = { MILLRACE_API_KEY: t.key };
      const home = join(folder, 'none');
      expect(await runOnce(['queues', '--url', url], { env: key })).toEqual(refused(69, 'Check --url'));
      expect(await runOnce(['queues'], { env: { ...key, MILLRACE_URL: url } })).toEqual(
        refused(69, 'Check MILLRACE_URL'),
      );
      expect(await runOnce(['queues'], { env: { DIFY_PORT: url.slice(-5), MILLRACE_HOME: home } })).toEqual(
        refused(69, 'millrace up'),
      );
      await writeFile(join(folder, 'running.json'), JSON.stringify({ url, pid: 2 ** 30 }));
      await writeFile(join(folder, 'api-key'), `${t.key}\n`);
      expect(await runOnce(['queues'], { env: { MILLRACE_HOME: folder } })).toEqual(
        refused(69, 'that announced that address has ended'),
      );
      await writeFile(join(folder, 'running.json'), JSON.stringify({ url: t.url, pid: process.pid }));
      expect((await runOnce(['queues'], { env: { MILLRACE_HOME: folder } })).code).toBe(0);
    });

    it('should say what is wrong with the key', async () => {
      const url = { MILLRACE_URL: t.url };
      expect(await runOnce(['queues'], { env: { ...url, MILLRACE_HOME: join(folder, 'none') } })).toEqual(
        refused(78, 'api_key_missing'),
      );
      expect(await runOnce(['queues'], { env: { ...url, MILLRACE_API_KEY: 'mr-not-a-key-of-ours' } })).toEqual(
        refused(78, 'key_unknown'),
      );
      const file = join(folder, 'own-key');
      await writeFile(file, t.key);
      expect((await runOnce(['queues', '--api-key-file', file], { env: url })).code).toBe(0);
      expect((await runOnce(['queues'], { env: { ...url, MILLRACE_API_KEY_FILE: file } })).code).toBe(0);
      expect(await runOnce(['queues', '--api-key-file', folder], { env: url })).toEqual(
        refused(78, 'api_key_unreadable'),
      );
      expect(await runOnce(['queues', '--url', 'mill'], { env: { MILLRACE_API_KEY: t.key } })).toEqual(
        refused(2, 'api_url_invalid'),
      );
    });
  });
});

it('should have `--json` on every command that tells something', () => {
  const cli = new CommandLine({
    env: {},
    output: process.stdout,
    errors: process.stderr,
    input: process.stdin,
    interruption: () => new AbortController().signal,
  });
  const silent = new Set(['up', 'demo', 'completion', 'add', 'revoke']);
  const leaves = createProgram(cli).commands.flatMap((command) =>
    command.commands.length > 0 ? command.commands : [command],
  );
  const without = leaves
    .filter((command) => !command.options.some(({ long }) => long === '--json'))
    .map((command) => command.name());
  expect(without.filter((name) => !silent.has(name))).toEqual([]);
});
