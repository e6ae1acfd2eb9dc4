/** Commands that drive queues and look at workers. */
import { describe, expect, it } from 'vitest';
import { type CommandStage, refused } from './stage.ts';

export function operatingCommands(t: CommandStage): void {
  describe('queues, pause, resume, purge, drain, workers', () => {
    it('should show how full queues are', async () => {
      const ids = [await t.send('sample_noop', '--queue', 'mail'), await t.send('sample_noop', '--queue', 'mail')];
      const { code, stdout } = await t.run(['queues']);
      expect(code).toBe(0);
      expect(stdout).toMatch(
        /^queue +state +pending +queued +running +retrying +not durable +oldest +consumers +in redis$/m,
      );
      expect(stdout).toMatch(/^mail +no consumer +\d +\d +0 +0 +0 +\S+ s +0 +\d$/m);
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
      // what was done before one is refused is told
      expect(await t.run(['resume', 'mail', 'none'])).toMatchObject({ code: 1, stdout: 'mail is open\n' });
      for (const action of ['pause', 'resume'])
        expect(await t.run([action, 'none'])).toEqual(refused(1, 'queue_not_found'));
    });

    it('should ask before it purges, and refuse where nobody can be asked', async () => {
      const id = await t.send('sample_noop', '--queue', 'mail');
      expect(await t.run(['purge', 'mail'])).toEqual(refused(2, 'confirmation_needed'));
      const no = await t.run(['purge', 'mail'], { terminal: { columns: 100, answers: ['n'] } });
      expect(no).toMatchObject({
        code: 1,
        stderr: expect.stringContaining('Waiting there, of all tenants: 1. Go on? [y/N]'),
      });
      const silent = await t.run(['purge', 'mail'], { terminal: { columns: 100, answers: [] } });
      expect(silent).toMatchObject({ code: 1, stderr: expect.stringContaining('not_confirmed') });
      expect((await t.json('status', id)).status).not.toBe('CANCELLED');
      const yes = await t.run(['purge', 'mail'], { terminal: { columns: 100, answers: ['y'] } });
      expect(yes).toMatchObject({ code: 0, stdout: expect.stringContaining('1 task of mail was cancelled') });
      expect(await t.json('purge', 'mail', '--yes')).toEqual({ name: 'mail', purged: 0, not_durable: 0 });
    });

    it('should wait until queues have run empty', async () => {
      await t.send('sample_sleep', '{"ms": 700}');
      const drained = await t.run(['drain', 'fast_tasks', '--timeout', '20']);
      expect(drained).toMatchObject({
        code: 0,
        stdout: expect.stringMatching(
          /^fast_tasks +draining 0\/1 tasks\nfast_tasks +empty 1\/1 tasks\nThe queues are empty\.\n$/,
        ),
      });
      const id = await t.send('sample_noop', '--queue', 'mail');
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
}
