/** Structured logs: one JSON object a line on standard output; a terminal gets short plain lines. */
import { type DestinationStream, type Logger, pino } from 'pino';

export type { Logger };

/** Paths that never reach a log line, whoever logs them. */
const secretKeys = ['password', 'sentinelPassword', 'apiKey', 'api_key', 'authorization', 'secret', 'token'];
/** A wildcard stands for one level: a member of what is logged, of its members, and of theirs. */
const redacted = secretKeys.flatMap((key) => [key, `*.${key}`, `*.*.${key}`]);

export interface LoggerOptions {
  readonly level: 'debug' | 'info' | 'warn' | 'error' | 'fatal';
  /** Short lines for people instead of JSON. */
  readonly plain?: boolean;
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

export function createLogger({ level, plain = false }: LoggerOptions): Logger {
  const options = { level, redact: { paths: redacted, censor: '***' } };
  if (!plain) return pino(options);
  const destination: DestinationStream = { write: (line) => process.stdout.write(plainLine(line)) };
  return pino(options, destination);
}
