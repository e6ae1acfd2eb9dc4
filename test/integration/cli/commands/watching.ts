/** Commands that look at what runs and waits. */
import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { type CommandStage, refused } from './stage.ts';

export function watchingCommands(t: CommandStage): void {
  describe('watch', () => {
    it('should print a line a change until the task has ended, and end as it did', async () => {
      const id = await t.send('sample_sleep', '{"ms": 150}');
      const { code, stdout } = await t.run(['watch', id]);
      expect(code).toBe(0);
      expect(stdout.trimEnd().split('\n').at(-1)).toBe(`${id} sample_sleep COMPLETED`);
      const failed = await t.run(['watch', await t.send('fall')]);
      expect(failed).toMatchObject({
        code: 1,
        stdout: expect.stringContaining('FAILED task_error: The wheel is broken.'),
      });
    });

    it('should watch several at once, as JSON a line each', async () => {
      const ids = [await t.send('sample_noop'), await t.send('sample_noop')];
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

    it('should refuse more tasks than it can watch, instead of leaving some out', async () => {
      const ids = Array.from({ length: 51 }, () => randomUUID());
      expect(await t.run(['watch', ...ids])).toEqual(refused(2, 'too_many_tasks'));
    });

    it('should draw a bar on a terminal', async () => {
      const { code, stdout } = await t.run(['watch', await t.send('sample_sleep', '{"ms": 150}')], {
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
      const sleeper = await t.send('sample_sleep', '{"ms": 60000}');
      expect((await t.run(['watch', sleeper], { interruptAt: /RUNNING/ })).code).toBe(130);
      await t.json('cancel', sleeper, '--yes');
      await t.run(['resume', 'retention']);
    });
  });

  describe('inspect', () => {
    it('should show what runs, waits for its time, stands in Redis, and can be sent', async () => {
      const runs = await t.send('sample_sleep', '{"ms": 60000}');
      const later = await t.send('sample_noop', '--countdown', '600');
      const sooner = await t.send('sample_noop', '--countdown', '60', '--queue', 'mail');
      await t.run(['pause', 'retention']);
      const stands = await t.send('sample_noop', '--queue', 'retention');
      await t.until(stands, 'QUEUED');
      await t.until(runs, 'RUNNING');
      const scheduled = await t.run(['inspect', 'scheduled']);
      expect(scheduled.stdout).toMatch(new RegExp(`${sooner}.*${later}`, 's'));
      expect((await t.json('inspect', 'scheduled', '--queue', 'mail')).tasks).toMatchObject([{ task_id: sooner }]);
      expect((await t.run(['inspect', 'reserved'])).stdout).toMatch(
        new RegExp(`^${stands} +sample_noop +retention +QUEUED`, 'm'),
      );
      t.beat();
      await expect
        .poll(() => t.run(['inspect', 'active']), { timeout: 10_000, interval: 200 })
        .toMatchObject({
          code: 0,
          stdout: expect.stringMatching(new RegExp(`^test +sample_sleep +fast_tasks +${runs} +\\S+ s$`, 'm')),
        });
      const stats = await t.json('inspect', 'stats');
      expect(stats).toMatchObject({ workers: 1, slots: 4, queued: 1, running: 1, paused: ['retention'], redis: true });
      // what was cancelled before may hold its slot for a second more
      const slots = async () => {
        t.beat();
        return (await t.run(['inspect', 'stats'])).stdout;
      };
      await expect.poll(slots, { timeout: 10_000, interval: 200 }).toMatch(/^slots +1 of 4 busy$/m);
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
}
