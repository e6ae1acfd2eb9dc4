/** The one system that all commands run against, and the words that their tests share. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'vitest';
import { z } from 'zod';
import { defineTask } from '../../../../worker/runtime/index.ts';
import { type RunOptions, type System, startSystem } from '../setup.ts';

const tasks = [
  defineTask({
    name: 'fall',
    queue: 'fast_tasks',
    description: 'Fails for good.',
    payload: z.strictObject({ why: z.string().optional() }),
    retry: { retries: 0 },
    handle: async () => {
      throw new Error('The wheel is broken.');
    },
  }),
];

export const uuidPattern = '[0-9a-f]{8}-[0-9a-f-]{27}';

/** What a command ends with that says what was wrong, and tells nothing else. */
export const refused = (code: number, what: string) => ({ code, stdout: '', stderr: expect.stringContaining(what) });

/** Opened before the first test, so that tests can be written down before there is a system. */
export class CommandStage {
  #system: System | undefined;
  #folder: string | undefined;
  readonly #endings = new Map<string, Set<number>>();

  async open(): Promise<void> {
    this.#folder = await mkdtemp(join(tmpdir(), 'millrace-cli-'));
    const queues = ['fast_tasks', 'dataset', 'priority_dataset', 'retention'] as const;
    this.#system = await startSystem({ tasks, queues, slots: 4 });
  }

  async close(): Promise<void> {
    await this.#system?.[Symbol.asyncDispose]();
    if (this.#folder !== undefined) await rm(this.#folder, { recursive: true, force: true });
  }

  /** For files of a test. */
  get folder(): string {
    if (this.#folder === undefined) throw new Error('the stage is not open');
    return this.#folder;
  }

  get #open(): System {
    if (!this.#system) throw new Error('the stage is not open');
    return this.#system;
  }

  get db(): System['db'] {
    return this.#open.db;
  }

  get address(): System['address'] {
    return this.#open.address;
  }

  get url(): string {
    return this.#open.url;
  }

  get key(): string {
    return this.#open.key;
  }

  /** How commands have ended so far: by their names, as `dlq list`, the exit codes. */
  get endings(): ReadonlyMap<string, ReadonlySet<number>> {
    return this.#endings;
  }

  async run(args: readonly string[], options?: RunOptions): ReturnType<System['run']> {
    const ran = await this.#open.run(args, options);
    this.#note(args, ran.code);
    return ran;
  }

  async json(...args: string[]): ReturnType<System['json']> {
    const answer = await this.#open.json(...args);
    this.#note(args, 0);
    return answer;
  }

  #note(args: readonly string[], code: number): void {
    // a command of a group has a name of two words
    for (const words of [1, 2]) {
      const name = args.slice(0, words).join(' ');
      this.#endings.set(name, (this.#endings.get(name) ?? new Set()).add(code));
    }
  }

  call(method: string, path: string, body: unknown): ReturnType<System['call']> {
    return this.#open.call(method, path, body);
  }

  beat(): void {
    this.#open.beat();
  }

  until(id: string, status: string): Promise<void> {
    return this.#open.until(id, status);
  }

  /** @returns the id */
  async send(task: string, ...args: string[]): Promise<string> {
    return (await this.json('send', task, ...args)).task_id;
  }

  /** Sends one, and waits until it has ended so. */
  async sendEnded(task: string, status: string): Promise<string> {
    const id = await this.send(task);
    await this.until(id, status);
    return id;
  }
}
