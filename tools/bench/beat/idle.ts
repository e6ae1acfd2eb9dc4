/** What a beat costs that has nothing to fire: one that leads, and one that stands by. */
import { setTimeout as wait } from 'node:timers/promises';
import { openStage, type Stage, type StageProcess } from '../../../test/harness/stage.ts';
import { cpuSeconds, residentMib } from '../listeners/process-use.ts';
import type { Samples } from '../queue/samples.ts';
import { countStatements } from './ledger.ts';
import { type BeatServers, whenLed } from './servers.ts';

const leading = 'idle beat that leads';
const standing = 'idle beat that stands by';
/** Code that is not compiled yet, and what the start left to do. */
const settleMs = 15_000;
const idleMs = 60_000;

/** One beat by itself, then another beside it: what the database hears more then is the other's. */
export async function measureIdle(servers: BeatServers, samples: Samples): Promise<void> {
  await using stage = await openStage(servers);
  const leader = await stage.start('beat');
  await stage.db.query('create extension if not exists pg_stat_statements');
  await whenLed(stage);
  const alone = await idleMinute(stage, leader, leading, samples);
  samples.add(leading, 'statements', '/min', alone);
  const other = await stage.start('beat');
  const both = await idleMinute(stage, other, standing, samples);
  samples.add(standing, 'statements', '/min', both - alone);
}

/** @returns statements that the database was sent in it */
async function idleMinute({ db }: Stage, { pid }: StageProcess, subject: string, samples: Samples): Promise<number> {
  await wait(settleMs);
  const before = { cpu: cpuSeconds(pid), statements: await countStatements(db) };
  await wait(idleMs);
  samples.add(subject, 'processor', 's/min', cpuSeconds(pid) - before.cpu);
  samples.add(subject, 'resident memory', 'MiB', residentMib(pid));
  return (await countStatements(db)) - before.statements;
}
