/**
 * `make bench-beat`: how late slots are fired of 1,000 schedules a second, how long 100,000 of one instant take with two beats alive,
 * and what a beat costs that has nothing to do. `--rounds N`, `--count N` (of one instant).
 */
import os from 'node:os';
import { readOptions, wholeNumber } from '../../options.ts';
import { Samples } from '../queue/samples.ts';
import { figure, machine, writeReport } from '../report.ts';
import { allFired, atOnce, measureAtOnce, measureEachSecond } from './firing.ts';
import { measureIdle } from './idle.ts';
import { type BeatServers, startServers } from './servers.ts';

const { values: options } = readOptions({
  allowPositionals: false,
  usage: 'make bench-beat [BENCH="[--rounds N] [--count N]"]: --count, schedules of one instant',
  options: { count: { type: 'string', default: '100000' }, rounds: { type: 'string', default: '3' } },
});
const rounds = wholeNumber('rounds', options.rounds, 1, 100);
const count = wholeNumber('count', options.count, 1, 1_000_000);
/** All that are due in a minute are to be fired within it. */
const goalSeconds = 60;

const parts: Readonly<Record<string, (servers: BeatServers, samples: Samples) => Promise<void>>> = {
  'idle beats': measureIdle,
  'a thousand schedules a second': measureEachSecond,
  [atOnce(count)]: (servers, samples) => measureAtOnce(servers, samples, count),
};

async function bench(): Promise<void> {
  const { cpu, cores, system, node } = machine();
  const load = os.loadavg().map((value) => value.toFixed(1));
  console.log(`${cpu}, ${cores} cores, ${system}, Node ${node}; load before ${load.join(' ')}`);
  const samples = new Samples();
  await using servers = await startServers();
  for (let round = 1; round <= rounds; round += 1)
    for (const [name, measure] of Object.entries(parts)) {
      process.stderr.write(`round ${round}: ${name}\n`);
      await measure(servers, samples);
    }
  const rows = samples.rows();
  for (const { subject, metric, unit, median, samples: all } of rows)
    console.log(
      `${subject.padEnd(34)} ${metric.padEnd(20)} ${figure(median).padStart(8)} ${unit.padEnd(6)} (${all.map(figure).join(', ')})`,
    );
  const slowest = Math.max(...samples.of(atOnce(count), allFired));
  const met = slowest < goalSeconds ? 'met' : 'NOT MET';
  console.log(`\nGoal: ${atOnce(count)} within ${goalSeconds} s, two beats alive: ${figure(slowest)} s, ${met}`);
  console.log(`written: ${await writeReport('beat', rows)}`);
}

await bench();
process.exit(0);
