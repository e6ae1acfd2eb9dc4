/** How far a server's clock is from this machine's. */
import { type Finding, warning } from './report.ts';

export interface ClockReading {
  /** Server minus machine, in milliseconds. */
  readonly differenceMs: number;
  /** Half of the time that the answer took: the difference is known no better. */
  readonly uncertainMs: number;
}

/** Beyond it, times that people compare (logs, due times, `eta` of a caller) no longer fit together. */
const toleratedMs = 1000;

/** @param ask gives the server's time in milliseconds since 1970. */
export async function readClock(ask: () => Promise<number>): Promise<ClockReading> {
  const sentAt = Date.now();
  const theirs = await ask();
  const answeredAt = Date.now();
  return {
    differenceMs: Math.round(theirs - (sentAt + answeredAt) / 2),
    uncertainMs: Math.ceil((answeredAt - sentAt) / 2),
  };
}

/** A warning when the difference is larger than can be tolerated, whatever the answer took. */
export function judgeClock(what: string, { differenceMs, uncertainMs }: ClockReading): Finding[] {
  if (Math.abs(differenceMs) - uncertainMs <= toleratedMs) return [];
  const by = `${(Math.abs(differenceMs) / 1000).toFixed(1)} s ${differenceMs > 0 ? 'ahead of' : 'behind'}`;
  return [
    warning(
      'clocks_apart',
      `The clock of ${what} is ${by} this machine's, so times in logs, due times and waits of jobs do not fit together.`,
      'Keep the clocks of all machines in step, as with chrony or systemd-timesyncd.',
    ),
  ];
}
