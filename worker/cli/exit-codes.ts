/** How commands end; docs/reference/cli.md is generated from this list. */
import { MillraceError } from '../errors.ts';

export const exitCode = {
  done: 0,
  failed: 1,
  usage: 2,
  /** EX_UNAVAILABLE of sysexits.h. */
  unavailable: 69,
  /** EX_CONFIG of sysexits.h. */
  config: 78,
  /** As timeout(1) ends. */
  late: 124,
  /** 128 + SIGINT. */
  interrupted: 130,
} as const;

export const exitCodeMeanings: Readonly<Record<number, string>> = {
  [exitCode.done]: 'done; a task that was waited for has completed',
  [exitCode.failed]: 'it failed: the API refused it, or a task that was waited for ended otherwise than COMPLETED',
  [exitCode.usage]:
    'wrong usage: an unknown command or option, a payload that is no JSON, a destructive command without `--yes` where nobody can be asked',
  [exitCode.unavailable]: 'nothing answers where the API should be, or it cannot serve now (503)',
  [exitCode.config]: 'it cannot work as it is set up: no API key, one that is not known, a configuration with faults',
  [exitCode.late]: 'the time for waiting is over; what was waited for goes on',
  [exitCode.interrupted]: 'ended by Ctrl-C; what was watched goes on',
};

/** What a command ends with, when it is no plain failure. */
export class CommandError extends MillraceError {
  override readonly name = 'CommandError';
  readonly exitCode: number;

  constructor({
    exitCode: code,
    ...detail
  }: ConstructorParameters<typeof MillraceError>[0] & { readonly exitCode: number }) {
    super(detail);
    this.exitCode = code;
  }
}
