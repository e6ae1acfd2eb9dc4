/** Commands for dead letters and schedules. */
import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { type CommandStage, refused } from './stage.ts';

export function keepingCommands(t: CommandStage): void {
  describe('dlq', () => {
    it('should list, show, retry and drop dead letters', async () => {
      await t.json('dlq', 'drop', '--all', '--yes');
      expect((await t.run(['dlq', 'list'])).stdout).toBe('There are none.\n');
      const [one, two] = [await t.sendEnded('fall', 'FAILED'), await t.sendEnded('fall', 'FAILED')];
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
      // what was done before one is refused is told
      expect(await t.run(['dlq', 'drop', one, randomUUID(), '--yes'])).toMatchObject({
        code: 1,
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
      for (const action of ['show', 'pause', 'resume', 'run'])
        expect(await t.run(['schedules', action, 'none'])).toEqual(refused(1, 'schedule_not_found'));
    });
  });
}
