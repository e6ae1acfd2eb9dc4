/**
 * Runs the commands that a page shows, against a real embedded Millrace. `node tools/docs/walk-through.ts README.md` prints
 * what they answer, to be shown beside them.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { startEmbedded } from '../../worker/cli/embedded-process.ts';
import { fencesOf } from './markdown.ts';

export const root = path.resolve(import.meta.dirname, '../..');
/** Where the pages say that the API listens; replaced by where it does. */
const writtenAddress = 'http://127.0.0.1:5001';
/** All commands of a page: indexing a few pages takes seconds. */
const pageTimeoutMs = 120_000;
const maxOutputChars = 1_000_000;
/** `NAME=value NAME=value make target`, on a line of its own. */
const makeLine = /^((?:\w+=\S* )*)make ([\w-]+)(?:\s+#.*)?$/;

export interface MakeCommand {
  readonly target: string;
  /** Variables set for it. */
  readonly env: Readonly<Record<string, string>>;
}

export interface PageCommands {
  /** Lines that start a make target: they run for long, and are not run here. */
  readonly make: readonly MakeCommand[];
  /** Everything else of the `sh` blocks, in order: one script. */
  readonly script: string;
}

/** The commands of a page's `sh` blocks. */
export function commandsOf(markdown: string): PageCommands {
  const lines = fencesOf(markdown)
    .filter((fence) => fence.language === 'sh')
    .flatMap((fence) => fence.text.split('\n'));
  const make: MakeCommand[] = [];
  const rest: string[] = [];
  for (const line of lines) {
    const [, settings, target] = makeLine.exec(line) ?? [];
    if (target === undefined) rest.push(line);
    else {
      const pairs = (settings ?? '').split(' ').filter((pair) => pair !== '');
      make.push({ target, env: Object.fromEntries(pairs.map((pair) => pair.split(/=(.*)/s).slice(0, 2))) });
    }
  }
  return { make, script: rest.join('\n') };
}

export interface Outcome {
  readonly exitCode: number | null;
  /** Standard output and error, as they came. */
  readonly output: string;
}

export interface WalkThrough extends AsyncDisposable {
  /** Runs a script in bash, ended at its first failing command. */
  run(script: string): Promise<Outcome>;
}

/**
 * Starts an embedded Millrace whose data folder is `.millrace` of a temporary folder that otherwise looks like the root of the
 * repository.
 */
export async function startWalkThrough(): Promise<WalkThrough> {
  const stack = new AsyncDisposableStack();
  const folder = await mkdtemp(path.join(tmpdir(), 'millrace-docs-'));
  stack.defer(() => rm(folder, { recursive: true, force: true }));
  try {
    for (const name of await readdir(root)) {
      if (name !== '.millrace' && name !== '.git') await symlink(path.join(root, name), path.join(folder, name));
    }
    const millrace = await startEmbedded(path.join(folder, '.millrace'), { LOG_LEVEL: 'WARNING' });
    stack.defer(async () => void (await millrace.stop()));
    return {
      run: (script) => runScript(script.replaceAll(writtenAddress, millrace.url), folder),
      [Symbol.asyncDispose]: () => stack.disposeAsync(),
    };
  } catch (error) {
    await stack.disposeAsync();
    throw error;
  }
}

/** The environment of a person who has just opened a terminal. */
const personal = ['PATH', 'HOME', 'LANG', 'MILLRACE_CACHE'] as const;
const plainEnvironment = () =>
  Object.fromEntries(personal.flatMap((name) => (process.env[name] ? [[name, process.env[name]]] : [])));

/** @throws when it takes longer than `pageTimeoutMs` */
async function runScript(script: string, cwd: string): Promise<Outcome> {
  const child = spawn('bash', ['-euo', 'pipefail', '-c', script], {
    cwd,
    env: plainEnvironment(),
    stdio: ['ignore', 'pipe', 'pipe'],
    signal: AbortSignal.timeout(pageTimeoutMs),
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output = (output + text).slice(-maxOutputChars);
    });
  }
  const [exitCode] = await once(child, 'close');
  return { exitCode, output };
}

if (import.meta.main) {
  const [page] = process.argv.slice(2);
  if (page === undefined) {
    console.error('usage: node tools/docs/walk-through.ts PAGE.md');
    process.exit(2);
  }
  const { script } = commandsOf(await readFile(page, 'utf8'));
  await using walk = await startWalkThrough();
  const { exitCode, output } = await walk.run(script);
  process.stdout.write(output);
  process.exitCode = exitCode === 0 ? 0 : 1;
}
