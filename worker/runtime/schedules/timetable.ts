/** When the slots of a schedule are. */
import { Cron } from 'croner';
import { MillraceError } from '../../errors.ts';

/**
 * A cron expression of 5 fields, or 6 with seconds first, read in a time zone; or so many seconds, aligned to the clock: slots are
 * the multiples since 1970.
 */
export type Timing =
  | { readonly cron: string; readonly timezone: string }
  | { readonly cron?: undefined; readonly everySeconds: number };

export interface Timetable {
  /** The first slot after a moment; undefined when there is none any more. */
  after(moment: Date): Date | undefined;
  /** Slots between two slots, exact for intervals; undefined where counting would mean walking through them. */
  readonly everyMs: number | undefined;
}

/** Longer ones say nothing that a shorter one could not. */
const maxCronChars = 200;
/** Compiled expressions: schedules of one installation share a few hundred. */
const maxCompiled = 5000;

const compiled = new Map<string, Timetable>();

function compile(cron: string, timezone: string): Timetable {
  const job = new Cron(cron, {
    timezone,
    paused: true,
    mode: '5-or-6-parts',
    // fixed times in the hour that spring skips run right after it, in the one that autumn repeats once; wildcards go by the clock
    fixedTimeRule: 'no-wildcard',
  });
  // schedules of one expression ask one after another for the same slot
  let asked: number | undefined;
  let answer: number | undefined;
  return {
    everyMs: undefined,
    after: (moment) => {
      if (asked !== moment.getTime()) {
        answer = job.nextRun(moment)?.getTime();
        asked = moment.getTime();
      }
      return answer === undefined ? undefined : new Date(answer);
    },
  };
}

/** @throws MillraceError `schedule_invalid` when the expression or its zone cannot be read */
export function timetableOf(timing: Timing): Timetable {
  if (timing.cron === undefined) return everySeconds(timing.everySeconds);
  const { cron, timezone } = timing;
  const key = `${timezone} ${cron}`;
  const known = compiled.get(key);
  if (known) return known;
  if (!isTimezone(timezone)) {
    throw new MillraceError({
      code: 'schedule_invalid',
      message: `There is no time zone "${timezone}".`,
      hint: 'Use a name of the IANA database, as Europe/Berlin or UTC.',
    });
  }
  let made: Timetable;
  try {
    if (cron.length > maxCronChars) throw new Error(`it has more than ${maxCronChars} characters`);
    made = compile(cron, timezone);
  } catch (cause) {
    throw new MillraceError({
      code: 'schedule_invalid',
      message: `The cron expression "${cron.slice(0, maxCronChars)}" cannot be read${cause instanceof Error ? ` (${cause.message.replace(/\.$/, '')})` : ''}.`,
      hint: 'It has five fields (minute, hour, day of month, month, day of week), or six with seconds first.',
      cause,
    });
  }
  const [oldest] = compiled.keys();
  if (compiled.size >= maxCompiled && oldest !== undefined) compiled.delete(oldest);
  compiled.set(key, made);
  return made;
}

function everySeconds(seconds: number): Timetable {
  const everyMs = seconds * 1000;
  return { everyMs, after: (moment) => new Date((Math.floor(moment.getTime() / everyMs) + 1) * everyMs) };
}

function isTimezone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: name });
    // offsets as "+02:00" are taken there too, and know no summer time
    return !/^[+-]/.test(name);
  } catch {
    return false;
  }
}
