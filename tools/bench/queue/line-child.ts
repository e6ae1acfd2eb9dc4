/** A process that is measured or measures: says when it is ready, takes requests as lines of JSON, answers each with one. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { endProcess } from '../../../test/harness/processes.ts';

const readyTimeoutMs = 60_000;
const stopTimeoutMs = 20_000;
const keptLines = 40;

export interface LineChildOptions {
  readonly name: string;
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** How it is told to end: by the end of its input (the usual), or by SIGTERM, as workers are that read none. */
  readonly endBy?: 'input' | 'SIGTERM';
}

export class LineChild implements AsyncDisposable {
  readonly #name: string;
  readonly #endBy: 'input' | 'SIGTERM';
  readonly #child: ChildProcess;
  readonly #said: string[] = [];
  readonly #answers: unknown[] = [];
  #waiting: PromiseWithResolvers<unknown> | undefined;
  #ended: Error | undefined;

  /** Resolves once the process has said `{"ready": true}`. */
  static async start(options: LineChildOptions): Promise<LineChild> {
    const child = new LineChild(options);
    try {
      await child.#next('ready', readyTimeoutMs);
      return child;
    } catch (error) {
      await child[Symbol.asyncDispose]();
      throw error;
    }
  }

  private constructor({ name, command, env, cwd, endBy = 'input' }: LineChildOptions) {
    const [file = '', ...args] = command;
    this.#endBy = endBy;
    this.#name = name;
    this.#child = spawn(file, args, {
      env: { PATH: process.env.PATH ?? '', HOME: process.env.HOME ?? '', ...env },
      stdio: ['pipe', 'pipe', 'pipe'],
      ...(cwd === undefined ? {} : { cwd }),
    });
    // a benchmark that ends without disposing must not leave its subjects behind
    process.once('exit', this.#kill);
    this.#child.stdin?.on('error', () => undefined);
    if (this.#child.stdout) createInterface({ input: this.#child.stdout }).on('line', (line) => this.#hear(line));
    if (this.#child.stderr) createInterface({ input: this.#child.stderr }).on('line', (line) => this.#keep(line));
    this.#child.once('error', (error) => this.#end(error));
    // `close` and not `exit`: what it said last is read by then
    this.#child.once('close', (code) => this.#end(new Error(`it ended with ${code}`)));
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** @throws Error when the process ended, failed, or did not answer within `timeoutMs`. */
  async ask<A>(request: object, timeoutMs: number): Promise<A> {
    this.#child.stdin?.write(`${JSON.stringify(request)}\n`);
    const answer = await this.#next(JSON.stringify(request), timeoutMs);
    if (typeof answer === 'object' && answer !== null && 'error' in answer) {
      throw new Error(`${this.#name} failed at ${JSON.stringify(request)}: ${answer.error}`);
    }
    // every process asked here is ours and answers what its request's type says
    return answer as A;
  }

  /** Tells it to end, and kills it when it does not. */
  async [Symbol.asyncDispose](): Promise<void> {
    process.off('exit', this.#kill);
    if (this.#endBy === 'input' && this.#ended === undefined) {
      const late = setTimeout(this.#kill, stopTimeoutMs);
      const closed = once(this.#child, 'close');
      this.#child.stdin?.end();
      await closed;
      clearTimeout(late);
    }
    await endProcess(this.#child, 'SIGTERM', stopTimeoutMs);
  }

  readonly #kill = () => this.#child.kill('SIGKILL');

  #hear(line: string): void {
    if (!line.startsWith('{')) {
      this.#keep(line);
      return;
    }
    const answer: unknown = JSON.parse(line);
    if (this.#waiting) this.#waiting.resolve(answer);
    else this.#answers.push(answer);
    this.#waiting = undefined;
  }

  #keep(line: string): void {
    this.#said.push(line);
    if (this.#said.length > keptLines) this.#said.shift();
  }

  #end(reason: Error): void {
    this.#ended = reason;
    this.#waiting?.reject(reason);
  }

  async #next(what: string, timeoutMs: number): Promise<unknown> {
    if (this.#answers.length > 0) return this.#answers.shift();
    const waiting = Promise.withResolvers<unknown>();
    this.#waiting = waiting;
    const late = () => waiting.reject(new Error(`no answer within ${timeoutMs / 1000} s`));
    const timer = setTimeout(late, timeoutMs);
    if (this.#ended) waiting.reject(this.#ended);
    try {
      return await waiting.promise;
    } catch (cause) {
      throw new Error(`${this.#name}, asked for ${what}, said at last:\n${this.#said.join('\n')}`, { cause });
    } finally {
      clearTimeout(timer);
    }
  }
}
