/** A deployment by Docker Compose of a test's own: a project, a folder for the key and a port that nobody else has. */
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { errorText } from '../../../worker/errors.ts';
import { imageFor } from '../../harness/docker-images.ts';
import { freePort } from '../../harness/processes.ts';
import { type ApiClient, apiClient } from './api-client.ts';
import { checkoutCopy } from './checkout.ts';
import { type CommandOptions, command, docker, dockerLines, root } from './docker.ts';
import { deploymentName } from './leftovers.ts';

export interface ComposeSettings {
  readonly topology: 'standalone' | 'sentinel' | 'cluster' | 'external';
  readonly tls?: boolean;
  /** Files of compose/ that are added by name. */
  readonly overlays?: readonly string[];
  /** Further variables, as a shell would set them. */
  readonly variables?: Readonly<Record<string, string>>;
  /** Text of compose/.env; it then runs in a copy of the compose files, for the checkout's own is its owner's. */
  readonly envFile?: string;
  /** Further files of that copy: text by path below compose/. */
  readonly files?: Readonly<Record<string, string>>;
  /** Another checkout, whose compose files it runs. */
  readonly checkout?: string;
}

/** A container as `docker compose ps` tells of it. */
interface Listed {
  readonly ID: string;
  readonly Name: string;
  readonly Service: string;
  readonly State: string;
  readonly Health: string;
}

const upTimeoutMs = 240_000;
const downTimeoutMs = 120_000;

export class ComposeDeployment implements AsyncDisposable {
  readonly project: string;
  readonly #env: Readonly<Record<string, string>>;
  readonly #folder: string;
  readonly #cwd: string;

  /** @param cwd where the compose files are */
  constructor(project: string, folder: string, env: Readonly<Record<string, string>>, cwd = root) {
    this.project = project;
    this.#folder = folder;
    this.#cwd = cwd;
    this.#env = { ...env, COMPOSE_PROJECT_NAME: project, MILLRACE_KEY_FOLDER: folder };
  }

  /** The same project under other settings, or from another checkout. Dispose of one of the two. */
  changed(variables: Readonly<Record<string, string>>, cwd = this.#cwd): ComposeDeployment {
    return new ComposeDeployment(this.project, this.#folder, { ...this.#env, ...variables }, cwd);
  }

  /** Of every container of it. */
  get label(): string {
    return `com.docker.compose.project=${this.project}`;
  }

  get dataNetwork(): string {
    return `${this.project}_data`;
  }

  /** `docker compose …` of this project. */
  compose(args: readonly string[], options: CommandOptions = {}): Promise<string> {
    return docker(['compose', ...args], { cwd: this.#cwd, ...options, env: this.#env });
  }

  /** A command of the checkout, in the environment of this deployment. */
  command(file: string, ...args: readonly string[]): Promise<string> {
    return command(file, args, { cwd: this.#cwd, env: this.#env, timeoutMs: upTimeoutMs });
  }

  /** The same, of a command that goes on. */
  spawned(file: string, ...args: readonly string[]): ChildProcessByStdio<null, Readable, Readable> {
    return spawn(file, args, {
      cwd: this.#cwd,
      env: { ...process.env, ...this.#env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  }

  /** Brings it up, or to another number of workers, and waits until all is healthy; on failure says what containers said. */
  async up(...args: readonly string[]): Promise<void> {
    await this.telling('did not come up', () =>
      this.compose(['up', '-d', '--wait', '--no-build', ...args], { timeoutMs: upTimeoutMs }),
    );
  }

  /** What `work` gives; when it fails, the error says how each container stands and what it said last. */
  async telling<T>(what: string, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      const listed = await this.containers().catch(() => []);
      const states = listed.map(({ Service, State, Health }) => `${Service}: ${State} ${Health}`).join('\n');
      const logs = await this.compose(['logs', '--no-color', '--timestamps', '--tail', '15']).catch(String);
      throw new Error(`${this.project} ${what}: ${errorText(error)}\n${states}\n${logs}`, { cause: error });
    }
  }

  /** One-shots that ended are among them. */
  async containers(service?: string): Promise<Listed[]> {
    const lines = await this.compose(['ps', '--all', '--format', 'json', ...(service === undefined ? [] : [service])]);
    return lines
      .split('\n')
      .filter((line) => line !== '')
      .map((line): Listed => JSON.parse(line));
  }

  /** One row, its columns parted by `|`, asked inside the container as the superuser. */
  async sql(statement: string): Promise<string> {
    const psql = ['psql', '-XAt', '-v', 'ON_ERROR_STOP=1', '-U', 'postgres', '-d', 'millrace', '-c', statement];
    return (await this.compose(['exec', '-T', 'db_postgres', ...psql])).trim();
  }

  async api(): Promise<ApiClient> {
    const key = (await readFile(join(this.#folder, 'api-key'), 'utf8')).trim();
    return apiClient(`http://127.0.0.1:${this.#env.EXPOSE_API_PORT}`, key);
  }

  /** Ends it with its volumes. */
  async down(): Promise<void> {
    await this.compose(['down', '--volumes', '--remove-orphans', '--timeout', '20'], { timeoutMs: downTimeoutMs });
  }

  /** What of it is on the machine. */
  async leftovers(): Promise<string[]> {
    const filter = ['--filter', `label=${this.label}`];
    const [containers, networks, volumes] = await Promise.all([
      dockerLines('ps', '--all', '--format', 'container {{.Names}}', ...filter),
      dockerLines('network', 'ls', '--format', 'network {{.Name}}', ...filter),
      dockerLines('volume', 'ls', '--format', 'volume {{.Name}}', ...filter),
    ]);
    return [...containers, ...networks, ...volumes];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.down();
    await rm(this.#folder, { recursive: true, force: true });
  }
}

/** For `COMPOSE_FILE`. */
export const composeFiles = (overlays: readonly string[]) =>
  ['compose.yaml', ...overlays.map((name) => `compose/${name}.yaml`)].join(':');

/** Nothing is started yet. Dispose of it, whatever became of it. */
export async function composeDeployment(settings: ComposeSettings): Promise<ComposeDeployment> {
  const folder = await mkdtemp(join(tmpdir(), 'millrace-infra-'));
  const port = await freePort();
  const copy = join(folder, 'checkout');
  if (settings.envFile !== undefined) {
    const files = Object.entries({ ...settings.files, '.env': settings.envFile });
    const below = Object.fromEntries(files.map(([path, text]) => [`compose/${path}`, text]));
    await checkoutCopy(copy, ['compose', 'compose.yaml'], below);
  }
  return new ComposeDeployment(
    deploymentName(port),
    folder,
    {
      MILLRACE_TOPOLOGY: settings.topology,
      MILLRACE_TLS: String(settings.tls ?? false),
      MILLRACE_POOLS: 'none',
      REDIS_IMAGE: imageFor('REDIS_IMAGE'),
      POSTGRES_IMAGE: imageFor('POSTGRES_IMAGE'),
      MILLRACE_SAMPLE_TASKS: 'true',
      MILLRACE_WORKER_REPLICAS: '1',
      EXPOSE_API_PORT: String(port),
      COMPOSE_FILE: composeFiles(settings.overlays ?? []),
      ...settings.variables,
    },
    settings.checkout ?? (settings.envFile === undefined ? root : copy),
  );
}
