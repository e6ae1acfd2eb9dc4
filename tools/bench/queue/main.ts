/**
 * `make bench-queue`: Celery, bare BullMQ and Millrace on one Redis and one Postgres, in turn, three rounds.
 * `--full` also with 1,000,000 waiting (some minutes more); `--rounds N`; `--only TEXT`: subjects whose name holds it.
 */
import os from 'node:os';
import { readOptions, wholeNumber } from '../../options.ts';
import { idleWorkerBytes } from '../idle-worker.ts';
import { figure, machine, median, writeReport } from '../report.ts';
import { measureBacklog } from './backlog.ts';
import { startBullmq } from './bullmq.ts';
import { celeryPools, startCelery } from './celery.ts';
import { fsyncTimes } from './fsync.ts';
import { goalsOf } from './goals.ts';
import { measureHttp, takesNotDurable } from './http.ts';
import { millraceEnvironment, startMillraceSubject } from './millrace.ts';
import { idleMetric, metrics, subjects } from './names.ts';
import { notDurable } from './not-durable.ts';
import { measureRound } from './round.ts';
import { Samples } from './samples.ts';
import { type BenchServers, startServers } from './servers.ts';
import type { Subject } from './subject.ts';
import { printTables } from './tables.ts';

const limitMs = { usual: 900_000, full: 1_800_000 } as const;
const clearMs = 60_000;
/** No further round is begun after this, so that a slow machine gets its table, of fewer samples, in time. */
const roundsWithinMs = 480_000;
const waitingUsual = 100_000;
const waitingFull = 1_000_000;

const { values: options } = readOptions({
  allowPositionals: false,
  usage:
    'make bench-queue [BENCH="[--rounds N] [--only TEXT] [--full]"]: --only, subjects whose name holds it; --full, also with 1,000,000 waiting',
  options: {
    full: { type: 'boolean', default: false },
    rounds: { type: 'string', default: '3' },
    only: { type: 'string', default: '' },
  },
});
const rounds = wholeNumber('rounds', options.rounds, 1, 100);
const abort = new AbortController();
const say = (text = '') => console.log(text);
const startedAt = Date.now();
/** What goes on, on standard error: the table is what stays. */
const note = (text: string) => process.stderr.write(`${Math.round((Date.now() - startedAt) / 1000)} s: ${text}\n`);
const wanted = (name: string) => name.toLowerCase().includes(options.only.toLowerCase());

async function bench(): Promise<void> {
  const { cpu, cores, system, node } = machine();
  const load = os.loadavg().map((value) => value.toFixed(1));
  say(
    `${cpu}, ${cores} cores, ${system}, Node ${node}; load before ${load.join(' ')}: figures are of a machine at rest only`,
  );
  await using bench = await startServers();
  const samples = new Samples();
  await measureServers(bench, samples);
  const waiting = await measureSubjects(bench, samples);
  say();
  printTables(samples, waiting, say);
  say('\nGoals');
  for (const { name, figure, met } of goalsOf(samples, waiting)) {
    say(`  ${met === undefined ? 'not measured' : met ? 'met         ' : 'NOT MET     '}  ${name}: ${figure}`);
  }
  say(
    `\nwritten: ${await writeReport('queue', samples.rows())}, after ${Math.round((Date.now() - startedAt) / 1000)} s`,
  );
}

async function measureServers({ servers, ledger, describe }: BenchServers, samples: Samples): Promise<void> {
  say(await describe());
  const fsync = await fsyncTimes();
  const commit = await ledger.commitTimes();
  samples.add('machine', 'write and fdatasync of 8 KiB', 'ms', median(fsync));
  samples.add('Postgres', 'commit of one row, one connection', 'ms', median(commit));
  say(
    `write and fdatasync of 8 KiB: ${figure(median(fsync))} ms; commit of one row from one connection: ${figure(median(commit))} ms (medians)`,
  );
  say(
    `Workers: ${servers.slots} tasks side by side (Celery as its name says). Millrace: MODE=worker as the image starts it, LOG_LEVEL=INFO, metrics on.`,
  );
}

/** All subjects in turn, as many rounds as asked for. Answers with how many tasks waited in the measures after them. */
async function measureSubjects({ servers, ledger }: BenchServers, samples: Samples): Promise<number[]> {
  await using stack = new AsyncDisposableStack();
  const millrace = stack.use(await startMillraceSubject(servers, ledger));
  const inTurn: Subject[] = [];
  for (const pool of celeryPools.filter(({ name }) => wanted(name))) {
    inTurn.push(stack.use(await startCelery(pool, servers)));
  }
  if (wanted(subjects.bullmq)) inTurn.push(stack.use(await startBullmq(servers)));
  if (wanted(subjects.notDurable)) {
    if (await takesNotDurable(servers)) {
      const { producer, reset } = millrace;
      inTurn.push(stack.use(notDurable({ servers, producer, env: millraceEnvironment(servers), reset })));
    } else say(`${subjects.notDurable}: not there yet (the API answers 422 durable_only)`);
  }
  if (wanted(subjects.durable)) inTurn.push(millrace);
  for (let round = 1; round <= rounds; round += 1) {
    if (Date.now() - startedAt > roundsWithinMs) {
      say(`Out of time: ${round - 1} rounds instead of ${rounds}.`);
      break;
    }
    for (const subject of inTurn) {
      abort.signal.throwIfAborted();
      note(`round ${round}, ${subject.name}`);
      await measureRound(subject, samples);
      if (subject !== millrace) continue;
      abort.signal.throwIfAborted();
      note(`round ${round}, ${subject.name}, HTTP`);
      await measureHttp(millrace, servers, ledger, samples);
    }
  }
  if (!inTurn.includes(millrace)) return [];
  await millrace.reset();
  note('idle worker');
  for (const bytes of await idleWorkerBytes(servers.millrace)) samples.add(millrace.name, idleMetric, 'bytes', bytes);
  const waiting = options.full ? [waitingUsual, waitingFull] : [waitingUsual];
  for (const tasks of waiting) {
    abort.signal.throwIfAborted();
    note(`${tasks} waiting`);
    const perSecond = samples.median(millrace.name, metrics.pace);
    await measureBacklog(millrace, servers, ledger, samples, { waiting: tasks, perSecond });
  }
  await millrace.reset();
  return waiting;
}

const { promise: cleared, resolve: giveUp } = Promise.withResolvers<void>();
/** Ends what runs at its next step, so that servers, processes and folders go; after a while it ends all the same. */
function stop(reason: string): void {
  abort.abort(new Error(reason));
  setTimeout(giveUp, clearMs).unref();
}
const limit = options.full ? limitMs.full : limitMs.usual;
setTimeout(() => stop(`the benchmark took longer than ${limit / 1000} s`), limit).unref();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop(`ended by ${signal}`));
const gaveUp = cleared.then(() => {
  throw abort.signal.reason;
});
try {
  await Promise.race([bench(), gaveUp]);
} catch (error) {
  console.error(error);
  process.exit(1);
}
