/** Steps of tools/setup that decide what is written and what is replaced, each in a folder of its own. */
import { execFile } from 'node:child_process';
import { chmod, mkdir, mkdtemp, readFile, readlink, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { root } from './harness/docker.ts';

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'millrace-setup-'));
  await mkdir(join(folder, 'bin'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** Runs a script after a step's file was read; its cache, Docker's folder of plugins and what is first on PATH are here. */
function inStep(step: string, script: string): Promise<{ exitCode: number; printed: string }> {
  const read = `set -euo pipefail; root='${root.replace(/\/$/, '')}'; . "$root/tools/setup.d/lib.sh"; . "$root/tools/setup.d/${step}"`;
  const env = {
    ...process.env,
    MILLRACE_CACHE: join(folder, 'cache'),
    DOCKER_CONFIG: join(folder, 'docker'),
    PATH: `${join(folder, 'bin')}:${process.env.PATH}`,
  };
  return new Promise((resolve) => {
    execFile('bash', ['-c', `${read}\n${script}`], { env, timeout: 60_000 }, (error, printed) =>
      resolve({ exitCode: typeof error?.code === 'number' ? error.code : error ? 1 : 0, printed }),
    );
  });
}

async function docker(script: string): Promise<void> {
  const file = join(folder, 'bin', 'docker');
  await writeFile(file, `#!/bin/sh\n${script}\n`);
  await chmod(file, 0o755);
}

describe('compose/.env', () => {
  test('should gain what it does not say, keep what it says, and keep its last line whole', async () => {
    const file = join(folder, '.env');
    await writeFile(file, 'REDIS_IMAGE=own/redis:8\nMILLRACE_TLS=true');
    const script = `compose_env='${file}'; compose_setting REDIS_IMAGE a/b:c; compose_setting NODE_IMAGE a/node:1; compose_setting NODE_IMAGE a/node:2`;
    expect((await inStep('60-images.sh', script)).exitCode).toBe(0);
    expect(await readFile(file, 'utf8')).toBe('REDIS_IMAGE=own/redis:8\nMILLRACE_TLS=true\nNODE_IMAGE=a/node:1\n');
  });
});

describe('the step compose', () => {
  const ready = 'version= from= reason=; compose_ready && echo "ready $version" || echo "not: $reason"';

  test.each([
    ['2.27.0', 'ready 2.27.0'],
    ['v5.5.0', 'ready 5.5.0'],
    ['2.40.3-desktop.1', 'ready 2.40.3-desktop.1'],
  ])('should take docker compose %s', async (version, said) => {
    await docker(`[ "$1 $2" = "compose version" ] && echo ${version}`);
    expect((await inStep('80-compose.sh', ready)).printed).toBe(`${said}\n`);
  });

  test.each(['2.9.0', '2.26.1', '1.29.2'])('should refuse docker compose %s, and replace nothing', async (version) => {
    await docker(`[ "$1 $2" = "compose version" ] && echo ${version}`);
    const { printed } = await inStep('80-compose.sh', `${ready}; reason=; compose_make || echo "not made: $reason"`);
    const refused = `docker compose is version ${version}; 2.27.0 or newer is needed, and this script replaces nothing`;
    expect(printed).toBe(`not: ${refused}\nnot made: ${refused}\n`);
  });

  test('should leave a plugin that is there and does not work, and say so', async () => {
    await docker('exit 1');
    const plugins = join(folder, 'docker', 'cli-plugins');
    await mkdir(plugins, { recursive: true });
    await symlink('/nowhere/docker-compose', join(plugins, 'docker-compose'));
    const script =
      'reason=; mkdir -p "$compose_folder"; : >"$compose_plugin"; chmod 755 "$compose_plugin"; compose_make || echo "$reason"';
    expect((await inStep('80-compose.sh', script)).printed).toMatch(
      /docker-compose is there and does not work: remove it\n$/,
    );
    expect(await readlink(join(plugins, 'docker-compose'))).toBe('/nowhere/docker-compose');
  });
});
