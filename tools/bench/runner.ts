/** A process that is measured: it takes a request as a line of JSON and answers with one, so that its start-up never counts. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface, type Interface } from 'node:readline';
import type { Answer, Request } from './protocol.ts';

/** No single measurement takes near this long; a runner that does hangs. */
const answerTimeoutMs = 60_000;
const endTimeoutMs = 5_000;

export class Runner implements AsyncDisposable {
  readonly name: string;
  readonly #child: ChildProcess;
  readonly #lines: Interface;
  readonly #answers: AsyncIterator<string>;

  constructor(name: string, command: readonly string[]) {
    const [file = '', ...args] = command;
    this.name = name;
    this.#child = spawn(file, args, { stdio: ['pipe', 'pipe', 'inherit'] });
    if (this.#child.stdout === null) throw new Error('a runner was started without its output');
    this.#lines = createInterface({ input: this.#child.stdout });
    this.#answers = this.#lines[Symbol.asyncIterator]();
    this.#child.on('error', () => this.#lines.close());
    this.#child.stdin?.on('error', () => undefined);
  }

  /** @throws Error when the runner ended, failed, or did not answer in time. */
  async ask(request: Request): Promise<Answer> {
    this.#child.stdin?.write(`${JSON.stringify(request)}\n`);
    const { promise: late, reject } = Promise.withResolvers<never>();
    const timer = setTimeout(
      () => reject(new Error(`${this.name} did not answer "${request.work}" within ${answerTimeoutMs / 1000} s`)),
      answerTimeoutMs,
    );
    try {
      const line = await Promise.race([this.#answers.next(), late]);
      if (line.done === true) throw new Error(`${this.name} ended instead of answering "${request.work}"`);
      // Both runners are ours and write what protocol.ts says.
      const answer = JSON.parse(line.value) as Answer | { readonly error: string };
      if ('error' in answer) throw new Error(`${this.name} failed at "${request.work}": ${answer.error}`);
      return answer;
    } finally {
      clearTimeout(timer);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#lines.close();
    if (this.#child.exitCode !== null || this.#child.signalCode !== null || this.#child.pid === undefined) return;
    const ended = once(this.#child, 'exit');
    this.#child.stdin?.end();
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), endTimeoutMs);
    await ended;
    clearTimeout(timer);
  }
}
