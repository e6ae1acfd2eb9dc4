/**
 * A Docker Engine of a test's own, to be restarted while others work on the machine's: in namespaces of its own for processes, network
 * and mounts, so that neither meets the other's bridges, packet filters and ports, and all of it can end at once. Asks for root on Linux.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { endProcess } from '../../harness/processes.ts';
import { until } from '../../harness/until.ts';
import { command, docker } from './docker.ts';
import { passOn } from './pass-on.ts';

const readyMs = 60_000;
/** It gives its containers 15 s to stop. */
const endMs = 60_000;
const loadMs = 600_000;
const shownChars = 4000;

export class OwnEngine implements AsyncDisposable {
  /** For `DOCKER_HOST`. */
  readonly host: string;
  readonly #folder: string;
  readonly #port: number;
  readonly #made = new AsyncDisposableStack();
  #machine: Machine | undefined;
  #engine: ChildProcess | undefined;

  private constructor(folder: string, port: number) {
    this.#folder = folder;
    this.#port = port;
    this.host = `unix://${folder}/docker.sock`;
  }

  /** @param port that something inside will publish on 127.0.0.1: it is reached by the same port out here */
  static async start(port: number): Promise<OwnEngine> {
    if (process.platform !== 'linux' || process.getuid?.() !== 0)
      throw new Error('expected root on Linux: elsewhere no engine of its own can be started, to be restarted');
    const folder = await mkdtemp(join(tmpdir(), 'millrace-engine-'));
    const engine = new OwnEngine(folder, port);
    engine.#made.defer(() => rm(folder, { recursive: true, force: true }));
    try {
      engine.#made.use(await passOn({ port }, { path: gateOf(folder) }));
      engine.#made.defer(() => engine.#machine?.[Symbol.asyncDispose]());
      await engine.#boot();
      return engine;
    } catch (error) {
      await engine[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Gives it images of the machine's engine. */
  async load(images: readonly string[]): Promise<void> {
    const script = 'set -o pipefail; docker save "$@" | DOCKER_HOST="$0" docker load';
    await command('bash', ['-c', script, this.host, ...images], { timeoutMs: loadMs });
  }

  /** Stops it, and its containers with it, as a service manager does, and starts it again. Resolves when it answers. */
  async restart(): Promise<void> {
    const exited = this.#engine && once(this.#engine, 'exit', { signal: AbortSignal.timeout(endMs) });
    await this.#inside('sh', '-c', 'kill "$(cat "$0")"', `${this.#folder}/dockerd.pid`);
    await exited;
    await this.#run();
  }

  /** Ends the engine and all that runs on it in the same moment, and starts it again. Resolves when it answers. */
  async powerCut(): Promise<void> {
    await this.#machine?.[Symbol.asyncDispose]();
    // what a machine forgets when it boots
    for (const name of ['run', 'dockerd.pid', 'docker.sock', 'gate.sock'])
      await rm(join(this.#folder, name), { recursive: true, force: true });
    await this.#boot();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#made.disposeAsync();
  }

  async #boot(): Promise<void> {
    this.#machine = await bootMachine(gateOf(this.#folder), this.#port);
    await this.#run();
  }

  async #run(): Promise<void> {
    const folder = this.#folder;
    // a containerd of the machine may be found and shared: with names of its own
    const names = [
      '--containerd-namespace',
      'millrace-test',
      '--containerd-plugins-namespace',
      'millrace-test-plugins',
    ];
    const places = [
      '--data-root',
      `${folder}/data`,
      '--exec-root',
      `${folder}/run`,
      '--pidfile',
      `${folder}/dockerd.pid`,
    ];
    const dockerd = ['dockerd', '--host', this.host, ...places, ...names];
    const script = 'log="$1"; shift; exec "$@" >>"$log" 2>&1';
    const engine = spawn('nsenter', [...this.#enter, 'sh', '-c', script, 'sh', `${folder}/log`, ...dockerd], {
      stdio: 'ignore',
    });
    this.#engine = engine;
    try {
      await until('the engine of the test answers', readyMs, async () => {
        if (engine.exitCode !== null) throw new Error(`dockerd exited with ${engine.exitCode}`);
        return (
          (await docker(['version', '--format', '{{.Server.Version}}'], { env: { DOCKER_HOST: this.host } })) !== ''
        );
      });
    } catch (cause) {
      const log = await readFile(`${folder}/log`, 'utf8').catch(() => '');
      throw new Error(`no engine of the test's own:\n${log.slice(-shownChars)}`, { cause });
    }
  }

  get #enter(): string[] {
    return ['--target', String(this.#machine?.pid), '--net', '--mount', '--pid'];
  }

  #inside(...args: readonly string[]): Promise<string> {
    return command('nsenter', [...this.#enter, ...args]);
  }
}

const gateFile = join(import.meta.dirname, 'pass-on.ts');
/** Where connections are led into the namespaces. */
const gateOf = (folder: string): string => join(folder, 'gate.sock');

/** Namespaces, held by their first process: with it everything in them ends. */
interface Machine extends AsyncDisposable {
  /** Of that process, as seen from here. */
  readonly pid: number;
}

/** @param gate a socket, made here: connections to it are passed on to the port inside */
async function bootMachine(gate: string, port: number): Promise<Machine> {
  const namespaces = ['--net', '--mount', '--pid', '--fork', '--kill-child', '--mount-proc'];
  const first = ['sh', '-c', 'ip link set lo up && exec "$@"', 'sh', process.execPath, gateFile, gate, String(port)];
  const unshare = spawn('unshare', [...namespaces, ...first], { stdio: ['ignore', 'pipe', 'inherit'] });
  const exited = once(unshare, 'exit').then(([code]) => {
    throw new Error(`unshare, to make namespaces, exited with ${code}`);
  });
  await Promise.race([once(unshare.stdout, 'data'), exited]);
  exited.catch(() => undefined);
  const children = await readFile(`/proc/${unshare.pid}/task/${unshare.pid}/children`, 'utf8');
  return { pid: Number(children.trim()), [Symbol.asyncDispose]: () => endProcess(unshare, 'SIGKILL', endMs) };
}
