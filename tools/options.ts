/** Command lines of the tools: what is not understood is told in one line with the usage, and ends the process with 2. */
import { type ParseArgsOptionsConfig, parseArgs } from 'node:util';

const misused = 2;

function refuse(message: string): never {
  console.error(message);
  process.exit(misused);
}

export interface CommandLine<O extends ParseArgsOptionsConfig, P extends boolean> {
  /** As somebody would type it, with what each option is for. */
  readonly usage: string;
  readonly options: O;
  /** Whether words without a name are taken. */
  readonly allowPositionals: P;
}

/** What this process was started with. `--help` tells the usage and ends the process. */
export function readOptions<const O extends ParseArgsOptionsConfig, const P extends boolean>(
  commandLine: CommandLine<O, P>,
): ReturnType<typeof parseArgs<{ options: O; allowPositionals: P }>> {
  const { usage, options, allowPositionals } = commandLine;
  if (process.argv.slice(2).includes('--help')) {
    console.log(usage);
    process.exit(0);
  }
  try {
    return parseArgs({ options, allowPositionals });
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    // Node goes on with advice about positional arguments
    return refuse(`${error.message.split('. ')[0]}.\n${usage}`);
  }
}

export function wholeNumber(name: string, given: string, from: number, to: number): number {
  const number = Number(given);
  if (/^\d+$/.test(given) && number >= from && number <= to) return number;
  return refuse(`--${name}: expected a whole number from ${from} to ${to}, instead got "${given}"`);
}

export function oneOrMoreOf(name: string, given: readonly string[], known: readonly string[]): readonly string[] {
  const stranger = given.find((word) => !known.includes(word));
  if (stranger === undefined) return given;
  return refuse(`--${name}: expected ${known.join(', ')}, instead got "${stranger}"`);
}
