/** How late slots are fired: of a thousand schedules a second, and of very many that are due at one instant; two beats alive. */
import { setTimeout as wait } from 'node:timers/promises';
import type { StageProcess } from '../../../test/harness/stage.ts';
import { until } from '../../../test/harness/until.ts';
import { cpuSeconds } from '../listeners/process-use.ts';
import type { Samples } from '../queue/samples.ts';
import { addAtOnce, addEachSecond, countFired, countTasks, readFired } from './ledger.ts';
import { type BeatServers, openTwo } from './servers.ts';

const aSecond = 1000;
/** Code that is not compiled yet. */
const settleMs = 10_000;
const steadySeconds = 30;
const firedWithinMs = 600_000;
/** Asking counts what was fired, which costs the database something. */
const pollMs = 1000;
/** To put the schedules in, and for the beats to come to rest. */
const aheadSeconds = { least: 30, perThousand: 0.3 };

export async function measureEachSecond(servers: BeatServers, samples: Samples): Promise<void> {
  await using two = await openTwo(servers);
  const { stage, beats: running } = two;
  await addEachSecond(stage.db, aSecond);
  await wait(settleMs);
  const from = new Date(Math.ceil(Date.now() / 1000) * 1000);
  const burnt = processorOf(running);
  const to = new Date(from.getTime() + steadySeconds * 1000);
  await wait(to.getTime() - Date.now());
  const all = aSecond * steadySeconds;
  await until('all slots of the time measured are fired', firedWithinMs, async () => {
    return (await readFired(stage.db, from, to)).slots >= all;
  });
  const seconds = (Date.now() - from.getTime()) / 1000;
  const percent = ((processorOf(running) - burnt) / seconds) * 100;
  const { slots, tasks, schedules, beats, p50, p99, most } = await readFired(stage.db, from, to);
  expectExact({ slots, tasks, schedules, beats }, { slots: all, tasks: all, schedules: aSecond, beats: 1 });
  const subject = `${aSecond} schedules a second`;
  samples.add(subject, 'lateness, p50', 'ms', p50 * 1000);
  samples.add(subject, 'lateness, p99', 'ms', p99 * 1000);
  samples.add(subject, 'lateness, most', 'ms', most * 1000);
  samples.add(subject, 'processor, both beats', '%', percent);
}

export const atOnce = (count: number) => `${count} schedules at one instant`;
export const allFired = 'all fired';

export async function measureAtOnce(servers: BeatServers, samples: Samples, count: number): Promise<void> {
  await using two = await openTwo(servers);
  const { stage, beats: running } = two;
  const at = await addAtOnce(stage.db, count, aheadSeconds.least + (aheadSeconds.perThousand * count) / 1000);
  if (at.getTime() < Date.now()) throw new Error('the schedules were due before all of them were in the database');
  await wait(at.getTime() - Date.now());
  const burnt = processorOf(running);
  const deadline = Date.now() + firedWithinMs;
  while ((await countFired(stage.db)) < count && Date.now() < deadline) await wait(pollMs);
  const processorSeconds = processorOf(running) - burnt;
  const { slots, tasks, schedules, beats, p50, most } = await readFired(stage.db, at, new Date(at.getTime() + 1000));
  expectExact(
    { slots, tasks, schedules, beats, sent: await countTasks(stage.db) },
    { slots: count, tasks: count, schedules: count, beats: 1, sent: count },
  );
  const subject = atOnce(count);
  samples.add(subject, 'half of them fired', 's', p50);
  samples.add(subject, allFired, 's', most);
  samples.add(subject, 'fired', '/s', count / most);
  samples.add(subject, 'processor, both beats', 's', processorSeconds);
}

/** Seconds that they have taken since their start: says something also of a machine that is busy. */
const processorOf = (beats: readonly StageProcess[]): number =>
  beats.reduce((sum, { pid }) => sum + cpuSeconds(pid), 0);

/** @throws when a slot was left out, fired twice or without its task */
function expectExact(ours: object, expected: object): void {
  if (JSON.stringify(ours) !== JSON.stringify(expected))
    throw new Error(`expected ${JSON.stringify(expected)}, the ledger says ${JSON.stringify(ours)}`);
}
