/** A deployment by cdktf of a test's own: a project, a state, a folder for the key and a port that nobody else has. */
import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../../harness/processes.ts';
import { type ApiClient, apiClient } from './api-client.ts';
import { checkoutCopy, type Files, writeFiles } from './checkout.ts';
import { docker, dockerLines, root } from './docker.ts';
import { deploymentName } from './leftovers.ts';

export type StackName = 'standalone' | 'sentinel' | 'cluster' | 'external';

export interface StackSettings {
  readonly stack: StackName;
  /** Further variables, as they would stand in compose/.env. */
  readonly variables?: Readonly<Record<string, string>>;
  /** Text of compose/.env; it then runs in a checkout of its own, for the one-shot `secrets` reads that file. */
  readonly envFile?: string;
}

/** Names of containers after a deploy. */
export interface Changed {
  readonly added: readonly string[];
  readonly replaced: readonly string[];
}

export interface Ran {
  readonly code: number;
  /** Both streams. */
  readonly output: string;
}

/** Names of what is on the machine. */
export interface Leftovers {
  readonly containers: readonly string[];
  readonly networks: readonly string[];
  readonly volumes: readonly string[];
}

const deployTimeoutMs = 420_000;
const terraformTimeoutMs = 120_000;
const maxOutputBytes = 64 * 1024 * 1024;

export class StackDeployment implements AsyncDisposable {
  /** First part of all names: `<project>-<stack>-<service>`. */
  readonly project: string;
  readonly stack: StackName;
  /** All that was printed by cdktf and Terraform. */
  log = '';
  readonly #folder: string;
  readonly #checkout: string;
  readonly #port: number;
  readonly #images: Readonly<Record<string, string>>;
  readonly #env: Readonly<Record<string, string>>;

  constructor(settings: StackSettings, folder: string, port: number, images: Readonly<Record<string, string>>) {
    this.stack = settings.stack;
    this.project = deploymentName(port);
    this.#folder = folder;
    this.#checkout = settings.envFile === undefined ? root : ownCheckout(folder);
    this.#port = port;
    this.#images = images;
    this.#env = {
      MILLRACE_PROJECT: this.project,
      MILLRACE_KEY_FOLDER: folder,
      MILLRACE_STATE_FOLDER: folder,
      MILLRACE_SAMPLE_TASKS: 'true',
      MILLRACE_POOLS: 'none',
      MILLRACE_TLS: 'false',
      MILLRACE_WORKER_REPLICAS: '1',
      EXPOSE_API_PORT: String(port),
      CHECKPOINT_DISABLE: '1',
      ...images,
      ...settings.variables,
    };
  }

  /** Name of a container, network or volume. */
  nameOf(part: string): string {
    return `${this.project}-${this.stack}-${part}`;
  }

  #run(command: string, args: readonly string[], cwd: string, timeoutMs: number): Promise<Ran> {
    return new Promise((resolve) => {
      const options = { cwd, env: { ...process.env, ...this.#env }, timeout: timeoutMs, maxBuffer: maxOutputBytes };
      execFile(command, args, options, (error, stdout, stderr) => {
        const output = `${stdout}\n${stderr}`;
        this.log += output;
        const code = error === null ? 0 : typeof error.code === 'number' ? error.code : -1;
        resolve({ code, output: error?.killed ? `${output}\n(took longer than ${timeoutMs} ms)` : output });
      });
    });
  }

  /** Where the stack is synthesised to, and Terraform works. */
  get #work(): string {
    return join(this.#folder, 'out', 'stacks', this.stack);
  }

  cdktf(command: string, ...args: readonly string[]): Promise<Ran> {
    const output = ['--output', join(this.#folder, 'out')];
    return this.#run('npx', ['cdktf', command, ...args, ...output], this.#checkout, deployTimeoutMs);
  }

  /** Files of its own checkout. @throws where it runs in that of all */
  async write(files: Files): Promise<void> {
    if (this.#checkout === root) throw new Error('the checkout is not its own: give it a compose/.env');
    await writeFiles(this.#checkout, files);
  }

  /** With the provider that is on this machine. @throws with the end of the output, when it fails */
  terraform(...args: readonly string[]): Promise<Ran> {
    return this.#run('terraform', args, this.#work, terraformTimeoutMs);
  }

  /** What tools/setup does for the stacks of the checkout: synthesises, and locks the provider. Terraform finds it valid. */
  async prepare(): Promise<void> {
    const steps = [
      () => this.cdktf('synth'),
      () => this.terraform('init', '-input=false', '-backend=false'),
      () => this.terraform('validate'),
    ];
    for (const step of steps) {
      const { code, output } = await step();
      if (code !== 0) throw new Error(`preparing the stack failed:\n${output.slice(-4000)}`);
    }
  }

  /** Deploys, also when it fails. */
  deploy(...args: readonly string[]): Promise<Ran> {
    return this.cdktf('deploy', this.stack, '--auto-approve', ...args);
  }

  /** @throws with the end of the output, when it fails */
  async deployed(...args: readonly string[]): Promise<void> {
    const { code, output } = await this.deploy(...args);
    if (code !== 0) throw new Error(`${this.project} was not deployed:\n${output.slice(-8000)}`);
  }

  /**
   * Deploys with so many workers, by terraform.tfvars in a checkout of its own, else for once; tells the names of containers that
   * came, and of those that were there and are others now.
   */
  async scaled(workers: number): Promise<Changed> {
    if (this.#checkout === root) return this.redeployed('--var', `worker_replicas=${workers}`);
    await this.write({ 'terraform.tfvars': `worker_replicas = ${workers}\n` });
    return this.redeployed();
  }

  /** Deploys, and tells what became of the containers that were there. */
  async redeployed(...args: readonly string[]): Promise<Changed> {
    const before = await this.containers();
    await this.deployed(...args);
    const after = await this.containers();
    return {
      added: [...after.keys()].filter((name) => !before.has(name)).sort(),
      replaced: [...before].flatMap(([name, id]) => (after.get(name) === id ? [] : [name])).sort(),
    };
  }

  /** What Terraform would change now; an empty text for nothing. */
  async changes(...args: readonly string[]): Promise<string> {
    const { code, output } = await this.terraform('plan', '-input=false', '-no-color', '-detailed-exitcode', ...args);
    return code === 0 ? '' : output;
  }

  /** Every file that Terraform keeps, and a plan that it makes now, as one text. @throws when there is no plan or no state */
  async kept(): Promise<string> {
    const planned = await this.terraform('plan', '-input=false', '-no-color', '-out=plan');
    const plan = await this.terraform('show', '-json', 'plan');
    if (planned.code !== 0 || plan.code !== 0) throw new Error(`there is no plan:\n${planned.output}\n${plan.output}`);
    const files = (await readdir(this.#folder)).filter((name) => name.includes('.tfstate'));
    const texts = await Promise.all(files.map((name) => readFile(join(this.#folder, name), 'utf8')));
    if (texts.length === 0) throw new Error('Terraform keeps no state where it was told to');
    return [plan.output, await readFile(join(this.#work, 'cdk.tf.json'), 'utf8'), ...texts].join('\n');
  }

  async sql(statement: string): Promise<string> {
    const psql = ['psql', '-XAt', '-v', 'ON_ERROR_STOP=1', '-U', 'postgres', '-d', 'millrace', '-c', statement];
    return (await docker(['exec', this.nameOf('db_postgres'), ...psql])).trim();
  }

  async apiKey(): Promise<string> {
    return (await readFile(join(this.#folder, 'api-key'), 'utf8')).trim();
  }

  async api(): Promise<ApiClient> {
    return apiClient(`http://127.0.0.1:${this.#port}`, await this.apiKey());
  }

  /** Of every container and network of it. */
  get label(): string {
    return `com.millrace.stack=${this.project}-${this.stack}`;
  }

  get dataNetwork(): string {
    return this.nameOf('data');
  }

  /** Id by name of every container of the stack. */
  async containers(): Promise<ReadonlyMap<string, string>> {
    const filter = `label=${this.label}`;
    const lines = await dockerLines('ps', '--all', '--no-trunc', '--filter', filter, '--format', '{{.Names}} {{.ID}}');
    return new Map(lines.map((line) => line.split(' ')).map(([name = '', id = '']) => [name, id]));
  }

  /** What of it is on the machine, by kind. */
  async leftovers(): Promise<Leftovers> {
    const filter = ['--filter', `name=${this.project}-`];
    return {
      containers: await dockerLines('ps', '--all', '--format', '{{.Names}}', ...filter),
      networks: await dockerLines('network', 'ls', '--format', '{{.Name}}', ...filter),
      volumes: await dockerLines('volume', 'ls', '--format', '{{.Name}}', ...filter),
    };
  }

  /** Destroys, and tells what is left. @throws with the end of the output, when it fails */
  async destroyed(): Promise<Leftovers> {
    const { code, output } = await this.cdktf('destroy', this.stack, '--auto-approve');
    if (code !== 0) throw new Error(`${this.project} was not destroyed:\n${output.slice(-4000)}`);
    return this.leftovers();
  }

  /** A target of make on this stack, asked by nobody who could answer. */
  make(target: 'wipe' | 'backup' | 'restore', ...args: readonly string[]): Promise<Ran> {
    return this.#run('make', [target, `STACK=${this.stack}`, ...args], this.#checkout, deployTimeoutMs);
  }

  /** Also what `destroy` did not reach. */
  async [Symbol.asyncDispose](): Promise<void> {
    const { containers, networks, volumes } = await this.leftovers();
    if (containers.length > 0) await docker(['rm', '--force', '--volumes', ...containers]);
    if (networks.length > 0) await docker(['network', 'rm', ...networks]);
    if (volumes.length > 0) await docker(['volume', 'rm', ...volumes]);
    await docker(['image', 'rm', ...Object.values(this.#images)]);
    await rm(this.#folder, { recursive: true, force: true });
  }
}

/** What of the checkout `cdktf` and `make wipe` run. */
const deploying = ['compose', 'stacks', 'tools', 'worker', 'cdktf.json', 'Makefile', 'package.json'];
const ownCheckout = (folder: string) => join(folder, 'checkout');

/** Synthesised, with its provider, and not deployed yet. */
export async function stackDeployment(settings: StackSettings): Promise<StackDeployment> {
  const folder = await mkdtemp(join(tmpdir(), 'millrace-stack-'));
  const port = await freePort();
  const { envFile } = settings;
  if (envFile !== undefined) await checkoutCopy(ownCheckout(folder), deploying, { 'compose/.env': envFile });
  const deployment = new StackDeployment(settings, folder, port, await ownTags(port));
  await deployment.prepare();
  return deployment;
}

/** Tags of the deployment's own for our images: one that is built meanwhile replaces no container. */
async function ownTags(port: number): Promise<Readonly<Record<string, string>>> {
  const built = { MILLRACE_IMAGE: 'millrace/worker:local', MILLRACE_SQUID_IMAGE: 'millrace/squid:local' };
  const tagged = Object.entries(built).map(async ([variable, preset]) => {
    const image = process.env[variable] || preset;
    const own = `${image.replace(/[:@].*$/, '')}:test-${port}`;
    await docker(['tag', image, own]);
    return [variable, own] as const;
  });
  return Object.fromEntries(await Promise.all(tagged));
}
