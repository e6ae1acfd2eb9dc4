/** Runs one command line and says how it ended. */
import { CommanderError } from 'commander';
import { MillraceError, StartError } from '../errors.ts';
import { CommandLine, type Surroundings } from './command-line.ts';
import { CommandError, exitCode } from './exit-codes.ts';
import { createProgram } from './program.ts';

export interface Ended {
  readonly exitCode: number;
  /** Something still runs that is not waited for. */
  readonly leavesBehind: boolean;
}

/** @param args without the names of node and of the program */
export async function runCommandLine(args: readonly string[], around: Surroundings): Promise<Ended> {
  const cli = new CommandLine(around);
  try {
    await createProgram(cli).parseAsync(args, { from: 'user' });
    return { exitCode: cli.exitCode, leavesBehind: cli.leavesBehind };
  } catch (error) {
    return { exitCode: told(cli, error), leavesBehind: cli.leavesBehind };
  }
}

/** Prints what a person needs to know of it, and returns the exit code. @throws what is an error of ours */
function told(cli: CommandLine, error: unknown): number {
  // commander has said it already
  if (error instanceof CommanderError) return error.exitCode === 0 ? exitCode.done : exitCode.usage;
  if (cli.interrupted) return exitCode.interrupted;
  if (!(error instanceof MillraceError)) throw error;
  cli.note(`millrace: ${error.code}: ${error.message}${error.hint === undefined ? '' : `\n${error.hint}`}`);
  if (error instanceof CommandError) return error.exitCode;
  return error instanceof StartError ? exitCode.config : exitCode.failed;
}
