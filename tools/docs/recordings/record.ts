/** Commands run in a terminal of their own, and what stood on it from moment to moment. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { StringDecoder } from 'node:string_decoder';
import type { Frame } from './svg.ts';
import { Terminal } from './terminal.ts';

const root = path.resolve(import.meta.dirname, '../../..');
/** Of util-linux: runs a command in a terminal of its own, and prints what it prints. */
const pseudoTerminal = 'script';
const rows = 50;
const commandMs = 60_000;
/** Pictures closer together are one. */
const gapSeconds = 0.25;
/** Between two commands, for who reads. */
const pauseSeconds = 2.5;

export interface Session {
  readonly frames: readonly Frame[];
  readonly commands: readonly string[];
}

export class Recorder {
  readonly #columns: number;
  readonly #env: Readonly<Record<string, string>>;
  readonly #shownAs: (text: string) => string;
  readonly #frames: Frame[] = [];
  readonly #commands: string[] = [];
  #before: string[] = [];
  #seconds = 0;

  /** @param shownAs takes what is of this machine alone out of what is shown */
  constructor(columns: number, env: Readonly<Record<string, string>>, shownAs: (text: string) => string) {
    this.#columns = columns;
    this.#env = env;
    this.#shownAs = shownAs;
  }

  get session(): Session {
    return { frames: this.#frames, commands: this.#commands };
  }

  /** @throws when it takes longer than a minute */
  async run(command: string): Promise<void> {
    this.#commands.push(command);
    const typed = new Terminal(this.#columns);
    typed.write(`$ ${command}`);
    const prompt = [...this.#before, ...typed.lines];
    const terminal = new Terminal(this.#columns, prompt);
    this.#show(prompt);
    this.#seconds += 0.8;
    const child = spawn(
      pseudoTerminal,
      ['-q', '-e', '-c', `stty cols ${this.#columns} rows ${rows}; exec tools/${command}`, '/dev/null'],
      {
        cwd: root,
        env: { ...process.env, ...this.#env, TERM: 'xterm' },
        stdio: ['pipe', 'pipe', 'inherit'],
        signal: AbortSignal.timeout(commandMs),
      },
    );
    const began = Date.now();
    const from = this.#seconds;
    const decoder = new StringDecoder('utf8');
    // the command's own start is not worth watching
    let firstAt: number | undefined;
    child.stdout.on('data', (chunk: Buffer) => {
      firstAt ??= Date.now() - began;
      terminal.write(this.#shownAs(decoder.write(chunk)));
      this.#seconds = from + (Date.now() - began - firstAt) / 1000;
      this.#show(terminal.lines);
    });
    await once(child, 'close');
    this.#show(terminal.lines);
    this.#before = [...withoutBlankEnd(terminal.lines), ''];
    this.#seconds += pauseSeconds;
  }

  #show(lines: readonly string[]): void {
    const frame = { at: this.#seconds, lines: withoutBlankEnd(lines) };
    const last = this.#frames.at(-1);
    // what follows at once takes the place of what was hardly seen
    if (last && frame.at - last.at < gapSeconds && frame.at > 0) this.#frames.pop();
    this.#frames.push(last && frame.at - last.at < gapSeconds ? { ...frame, at: last.at } : frame);
  }
}

function withoutBlankEnd(lines: readonly string[]): string[] {
  const end = lines.findLastIndex((line) => line !== '');
  return lines.slice(0, end + 1);
}
