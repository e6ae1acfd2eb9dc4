/** Commands that send tasks, ask for them and cancel them. */
import { randomUUID } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type CommandStage, refused, uuidPattern } from './stage.ts';

export function sendingCommands(t: CommandStage): void {
  describe('send, status', () => {
    it('should print the id alone, so that a script can take it', async () => {
      const { code, stdout, stderr } = await t.run(['send', 'sample_noop']);
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
      expect(stdout).toMatch(new RegExp(`^${uuidPattern}\n$`));
      await t.until(stdout.trim(), 'COMPLETED');
      const shown = await t.run(['status', stdout.trim()]);
      expect(shown.stdout).toMatch(/^task +sample_noop$/m);
      expect(shown.stdout).toMatch(/^status +COMPLETED$/m);
    });

    it('should take the payload as an argument, from a file, and from standard input', async () => {
      const file = join(t.folder, 'payload.json');
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
      await t.sendEnded('sample_noop', 'COMPLETED');
      const listed = await t.run(['status', '--task', 'sample_noop', '--status', 'completed', '--limit', '1']);
      expect(listed.stdout.split('\n')).toHaveLength(4);
      const cursor = /--cursor (\S+)/.exec(listed.stderr)?.[1] ?? '';
      const next = await t.json('status', '--task', 'sample_noop', '--limit', '1', '--cursor', cursor);
      expect(next.tasks).toHaveLength(1);
      expect((await t.run(['status', '--queue', 'retention'])).stdout).toBe('No such tasks.\n');
      expect(await t.run(['status', randomUUID()])).toEqual(refused(1, 'task_not_found'));
    });
  });

  describe('cancel', () => {
    it('should cancel several, and name those that could not be', async () => {
      const [waits, ended] = [
        await t.send('sample_noop', '--countdown', '600'),
        await t.sendEnded('sample_noop', 'COMPLETED'),
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
}
