/** Synthesises every stack, with everything that can be switched on, and lets `terraform validate` read it. Asks no registry. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { notChecked } from './not-checked.ts';

const limitMs = 120_000;
/** What tools/setup initialised holds the provider. */
const providers = resolve('cdktf.out/stacks/standalone/.terraform/providers');
const everything = {
  MILLRACE_TOPOLOGY: 'external',
  DB_HOST: 'db.example',
  REDIS_HOST: 'redis.example',
  MILLRACE_TLS: 'true',
  MILLRACE_POOLS: 'pools',
  MILLRACE_OBSERVABILITY: 'prometheus',
  OPENAI_API_KEY: 'a-key',
};

const runs = (name: string) => spawnSync(name, ['version'], { timeout: limitMs }).status === 0;
const binary = [process.env.TERRAFORM_BINARY_NAME || 'terraform', 'tofu'].find(runs);
if (binary === undefined) notChecked('neither terraform nor tofu was found');
if (!existsSync(providers)) notChecked('the provider is not there; tools/setup --for kit brings it');

const folder = mkdtempSync(join(tmpdir(), 'millrace-check-stacks-'));
const env = {
  ...process.env,
  ...everything,
  CDKTF_OUTDIR: join(folder, 'out'),
  MILLRACE_KEY_FOLDER: join(folder, 'keys'),
  CHECKPOINT_DISABLE: '1',
};

/** Shows what it said when it fails. */
function step(what: string, command: readonly string[], cwd: string): boolean {
  const [file = '', ...args] = command;
  const { status, stdout, stderr, error } = spawnSync(file, args, { cwd, env, encoding: 'utf8', timeout: limitMs });
  if (status === 0) return true;
  console.error(`${what}: ${error?.message ?? ''}\n${stdout ?? ''}${stderr ?? ''}`);
  process.exitCode = 1;
  return false;
}

try {
  const stacks = join(folder, 'out/stacks');
  if (step('synthesis', ['node', 'stacks/main.ts'], process.cwd())) {
    for (const stack of readdirSync(stacks)) {
      const init = [binary, 'init', '-input=false', '-no-color', '-backend=false', `-plugin-dir=${providers}`];
      const cwd = join(stacks, stack);
      if (step(stack, init, cwd)) step(stack, [binary, 'validate', '-no-color'], cwd);
    }
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
