/** What every command stands on: the environment, the terminal, and the API when it needs one. */

import { createInterface } from 'node:readline/promises';
import type { Readable, Writable } from 'node:stream';
import type { Command } from 'commander';
import type { RawEnvironment } from '../config/environment.ts';
import { CommandError, exitCode } from './exit-codes.ts';
import { type ApiClient, createApiClient } from './http.ts';
import { findTarget, unreachable } from './target.ts';

/** A stream that may be a terminal. */
export type Output = Writable & { readonly isTTY?: boolean; readonly columns?: number };
export type Input = Readable & { readonly isTTY?: boolean };

export interface Surroundings {
  readonly env: RawEnvironment;
  readonly output: Output;
  readonly errors: Output;
  readonly input: Input;
  /** Aborted by Ctrl-C; asked for only by commands that wait. */
  readonly interruption: () => AbortSignal;
}

/** Options of every command that calls the API. */
export interface ApiOptions {
  readonly json?: boolean;
  readonly url?: string;
  readonly apiKeyFile?: string;
}

export class CommandLine {
  readonly #around: Surroundings;
  #exitCode: number = exitCode.done;
  #interruption: AbortSignal | undefined;
  #leavesBehind = false;

  constructor(around: Surroundings) {
    this.#around = around;
  }

  get env(): RawEnvironment {
    return this.#around.env;
  }

  get output(): Output {
    return this.#around.output;
  }

  get errors(): Output {
    return this.#around.errors;
  }

  get input(): Input {
    return this.#around.input;
  }

  /** What the process ends with when nothing is thrown. */
  get exitCode(): number {
    return this.#exitCode;
  }

  endWith(code: number): void {
    this.#exitCode = code;
  }

  /** Whether the process is to end although something of it still runs: a check that was given up, and never comes back. */
  get leavesBehind(): boolean {
    return this.#leavesBehind;
  }

  leaveBehind(): void {
    this.#leavesBehind = true;
  }

  /** From now on Ctrl-C ends what waits for this signal, and not the process at once. */
  interruption(): AbortSignal {
    this.#interruption ??= this.#around.interruption();
    return this.#interruption;
  }

  get interrupted(): boolean {
    return this.#interruption?.aborted ?? false;
  }

  print(text: string): void {
    this.#around.output.write(`${text}\n`);
  }

  /** For people, beside what scripts read. */
  note(text: string): void {
    this.#around.errors.write(`${text}\n`);
  }

  printJson(value: unknown): void {
    this.print(JSON.stringify(value, null, 2));
  }

  /** A table as wide as the terminal, of whole lines elsewhere. */
  printTable(text: string): void {
    const { isTTY, columns } = this.#around.output;
    const fit = (line: string) =>
      isTTY && columns !== undefined && line.length > columns ? `${line.slice(0, columns - 1)}…` : line;
    this.print(text.split('\n').map(fit).join('\n'));
  }

  /** @throws CommandError `api_key_missing` */
  async connect(options: ApiOptions): Promise<ApiClient> {
    const target = await findTarget(options, this.env);
    return createApiClient(target.url, target.key, (cause) => unreachable(target, cause));
  }

  /**
   * Asks before something that cannot be taken back.
   * @throws CommandError `not_confirmed` when the answer is no, `confirmation_needed` where nobody can be asked
   */
  async confirm(what: string | (() => Promise<string>), yes: boolean | undefined): Promise<void> {
    if (yes) return;
    const { input, output, errors } = this.#around;
    if (!input.isTTY || !output.isTTY) {
      throw new CommandError({
        code: 'confirmation_needed',
        message: `This cannot be taken back. Nobody can be asked here, so nothing was done.`,
        hint: 'Say --yes to have it done without being asked.',
        exitCode: exitCode.usage,
      });
    }
    const asking = createInterface({ input, output: errors });
    // Ctrl-C and the end of input are no answer
    const closed = new AbortController();
    asking.once('close', () => closed.abort());
    try {
      const answer = await asking
        .question(`${typeof what === 'string' ? what : await what()} Go on? [y/N] `, { signal: closed.signal })
        .catch(() => '');
      if (/^y(es)?$/i.test(answer.trim())) return;
    } finally {
      asking.close();
    }
    throw new CommandError({ code: 'not_confirmed', message: 'Nothing was done.', exitCode: exitCode.failed });
  }
}

/** How a command takes its place in the program. */
export type Register = (program: Command, cli: CommandLine) => void;

/** A command that calls the API: with the options that say where it is, and `--json`. */
export const apiCommand = (parent: Command, usage: string, summary: string): Command =>
  parent
    .command(usage)
    .description(summary)
    .option('--json', 'the answer as JSON')
    .option('--url <url>', 'where the API is (MILLRACE_URL)')
    .option('--api-key-file <file>', 'file that holds the API key (MILLRACE_API_KEY, MILLRACE_API_KEY_FILE)');

/** Of destructive commands. */
export const yesOption = ['-y, --yes', 'do it without being asked'] as const;
