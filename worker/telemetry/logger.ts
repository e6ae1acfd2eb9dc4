/** Structured logs: one JSON object a line on standard output, and in a file where one is named; a terminal gets short plain lines. */
import { type DestinationStream, type Logger, pino } from 'pino';
import { RotatingFile, type RotatingFileOptions } from './rotating-file.ts';

export type { Logger };

/** Paths that never reach a log line, whoever logs them. */
const secretKeys = ['password', 'sentinelPassword', 'apiKey', 'api_key', 'authorization', 'secret', 'token'];
/** A wildcard stands for one level: a member of what is logged, of its members, and of theirs. */
const redacted = secretKeys.flatMap((key) => [key, `*.${key}`, `*.*.${key}`]);

export interface LoggerOptions {
  readonly level: 'debug' | 'info' | 'warn' | 'error' | 'fatal';
  /** Short lines for people instead of JSON. */
  readonly plain?: boolean;
  /** Where each line is written besides, always as JSON. @throws StartError `log_file_unwritable` */
  readonly file?: RotatingFileOptions | undefined;
}

const levelNames: Record<number, string> = { 20: 'debug', 30: 'info', 40: 'WARN', 50: 'ERROR', 60: 'FATAL' };

/** `12:03:44 info  message key=value …`; what pino adds by itself is left out. */
function plainLine(line: string): string {
  const { level, time, msg, pid: _pid, hostname: _hostname, err, ...rest } = JSON.parse(line);
  const clock = new Date(time).toISOString().slice(11, 19);
  const extra = Object.entries(rest).map(
    ([key, value]) => ` ${key}=${typeof value === 'object' ? JSON.stringify(value) : value}`,
  );
  const error = err?.message && err.message !== msg ? ` (${err.message})` : '';
  return `${clock} ${(levelNames[level] ?? String(level)).padEnd(5)} ${msg ?? ''}${error}${extra.join('')}\n`;
}

export function createLogger({ level, plain = false, file }: LoggerOptions): Logger {
  const options = { level, redact: { paths: redacted, censor: '***' } };
  const output: DestinationStream = plain
    ? { write: (line) => process.stdout.write(plainLine(line)) }
    : pino.destination(1);
  if (file === undefined) return pino(options, output);
  const onError = (error: Error) => process.stderr.write(`LOG_FILE: lines are not written (${error.message})\n`);
  const kept = new RotatingFile({ onError, ...file });
  return pino(options, {
    write(line) {
      output.write(line);
      kept.write(line);
    },
  });
}
