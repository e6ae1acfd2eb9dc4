/** What one process holds and burns, from /proc. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';

const mib = 1024 * 1024;
const pageBytes = 4096;
let ticks: number | undefined;

export function residentMib(pid: number): number {
  return (Number(readFileSync(`/proc/${pid}/statm`, 'latin1').split(' ')[1]) * pageBytes) / mib;
}

/** Seconds of processor time since its start. */
export function cpuSeconds(pid: number): number {
  ticks ??= Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }));
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  // behind the name in brackets, which may hold anything; the 14th and 15th field of all
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / ticks;
}

/** Per cent of one core over `ms`. */
export async function cpuPercent(pid: number, ms: number): Promise<number> {
  const before = cpuSeconds(pid);
  const began = performance.now();
  await wait(ms);
  return ((cpuSeconds(pid) - before) / ((performance.now() - began) / 1000)) * 100;
}
