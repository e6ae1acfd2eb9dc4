/** Commands that need no API, and the way of the others to it. */
import { randomUUID } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { databaseVariables } from '../../../harness/database-address.ts';
import { freePort } from '../../../harness/processes.ts';
import { runOnce } from '../setup.ts';
import { type CommandStage, refused } from './stage.ts';

const someId = '00000000-0000-7000-8000-00000000abcd';

export function aroundCommands(t: CommandStage): void {
  describe('migrate, config, completion, help', () => {
    const env = () => databaseVariables(t.address);

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
      const { code } = await runOnce(['up', '--home', join(t.folder, 'home')], { env: { PATH, DB_TYPE: 'mysql' } });
      expect(code).toBe(78);
    });

    it('should print the configuration, the completion and help', async () => {
      expect((await t.run(['config'], { env: env() })).stdout).toContain('DB_PASSWORD=***');
      expect((await t.run(['config'], { env: { ...env(), DB_PORT: 'mill' } })).code).toBe(78);
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
      const home = join(t.folder, 'none');
      expect(await runOnce(['queues', '--url', url], { env: key })).toEqual(refused(69, 'Check --url'));
      expect(await runOnce(['queues'], { env: { ...key, MILLRACE_URL: url } })).toEqual(
        refused(69, 'Check MILLRACE_URL'),
      );
      expect(await runOnce(['queues'], { env: { DIFY_PORT: url.slice(-5), MILLRACE_HOME: home } })).toEqual(
        refused(69, 'millrace up'),
      );
      await writeFile(join(t.folder, 'running.json'), JSON.stringify({ url, pid: 2 ** 30 }));
      await writeFile(join(t.folder, 'api-key'), `${t.key}\n`);
      expect(await runOnce(['queues'], { env: { MILLRACE_HOME: t.folder } })).toEqual(
        refused(69, 'that announced that address has ended'),
      );
      await writeFile(join(t.folder, 'running.json'), JSON.stringify({ url: t.url, pid: process.pid }));
      expect((await runOnce(['queues'], { env: { MILLRACE_HOME: t.folder } })).code).toBe(0);
    });

    it.each([
      ['send', 'sample_noop'],
      ['status'],
      ['watch', '--count', '1'],
      ['cancel', someId, '--yes'],
      ['dlq', 'list'],
      ['dlq', 'show', someId],
      ['dlq', 'retry', '--all', '--yes'],
      ['dlq', 'drop', '--all', '--yes'],
      ['schedules', 'list'],
      ['schedules', 'show', 'nightly'],
      ['schedules', 'pause', 'nightly'],
      ['schedules', 'resume', 'nightly'],
      ['schedules', 'run', 'nightly'],
      ['queues'],
      ['pause', 'mail'],
      ['resume', 'mail'],
      ['purge', 'mail', '--yes'],
      ['drain', 'mail'],
      ['workers'],
      ['inspect', 'active'],
      ['inspect', 'scheduled'],
      ['inspect', 'reserved'],
      ['inspect', 'registered'],
      ['inspect', 'stats'],
      ['ask', 'why', '--dataset', 'none'],
      ['why', 'mail'],
    ])('should end with 69 when it cannot be reached, and with 78 when the key is wrong: %s %s', async (...args) => {
      const nowhere = `http://127.0.0.1:${await freePort()}`;
      const away = refused(69, 'api_unreachable');
      expect(await t.run(args, { env: { MILLRACE_URL: nowhere } })).toEqual(away);
      expect(await t.run([...args, '--json'], { env: { MILLRACE_URL: nowhere } })).toEqual(away);
      expect(await t.run(args, { env: { MILLRACE_API_KEY: 'mr-not-a-key-of-ours' } })).toEqual(
        refused(78, 'key_unknown'),
      );
    });

    it('should say what is wrong with the key', async () => {
      const url = { MILLRACE_URL: t.url };
      expect(await runOnce(['queues'], { env: { ...url, MILLRACE_HOME: join(t.folder, 'none') } })).toEqual(
        refused(78, 'api_key_missing'),
      );
      expect(await runOnce(['queues'], { env: { ...url, MILLRACE_API_KEY: 'mr-not-a-key-of-ours' } })).toEqual(
        refused(78, 'key_unknown'),
      );
      const file = join(t.folder, 'own-key');
      await writeFile(file, t.key);
      expect((await runOnce(['queues', '--api-key-file', file], { env: url })).code).toBe(0);
      expect((await runOnce(['queues'], { env: { ...url, MILLRACE_API_KEY_FILE: file } })).code).toBe(0);
      expect(await runOnce(['queues', '--api-key-file', t.folder], { env: url })).toEqual(
        refused(78, 'api_key_unreadable'),
      );
      expect(await runOnce(['queues', '--url', 'mill'], { env: { MILLRACE_API_KEY: t.key } })).toEqual(
        refused(2, 'api_url_invalid'),
      );
    });
  });
}
