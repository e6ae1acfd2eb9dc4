/** A release of Docker Compose, beside the one that is installed: downloaded, or built from source; kept in the cache. */
import { existsSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { command } from './docker.ts';

const fetchMs = 180_000;
const buildMs = 600_000;

/** A folder for `DOCKER_CONFIG` with this release as the plugin `compose`. @param version as "2.27.0" */
export async function dockerConfigWithCompose(version: string): Promise<{ folder: string } & AsyncDisposable> {
  const cached = join(process.env.MILLRACE_CACHE ?? join(homedir(), '.cache'), 'millrace', 'compose', version);
  const plugin = join(cached, 'docker-compose');
  if (!existsSync(plugin)) {
    await mkdir(cached, { recursive: true });
    const fresh = `${plugin}.${process.pid}`;
    if (!(await downloaded(version, fresh))) await build(version, fresh);
    await chmod(fresh, 0o755);
    await rename(fresh, plugin);
  }
  const folder = await mkdtemp(join(tmpdir(), 'millrace-docker-config-'));
  await mkdir(join(folder, 'cli-plugins'));
  await symlink(plugin, join(folder, 'cli-plugins', 'docker-compose'));
  return { folder, [Symbol.asyncDispose]: () => rm(folder, { recursive: true }) };
}

/** Whether the release could be had. */
async function downloaded(version: string, to: string): Promise<boolean> {
  const machine = { x64: 'x86_64', arm64: 'aarch64' }[process.arch as string];
  const url = `https://github.com/docker/compose/releases/download/v${version}/docker-compose-${process.platform}-${machine}`;
  try {
    const answer = await fetch(url, { signal: AbortSignal.timeout(fetchMs) });
    if (!answer.ok) return false;
    await writeFile(to, await answer.bytes());
    return true;
  } catch {
    return false;
  }
}

/** From Go's module proxy. `go install` would refuse a module that replaces others. */
async function build(version: string, to: string): Promise<void> {
  const module = 'github.com/docker/compose/v2';
  const found = await command('go', ['mod', 'download', '-json', `${module}@v${version}`], {
    cwd: tmpdir(),
    timeoutMs: fetchMs,
  });
  const { Dir: cwd }: { readonly Dir: string } = JSON.parse(found);
  const flags = `-s -w -X ${module}/internal.Version=v${version}`;
  await command('go', ['build', '-trimpath', '-ldflags', flags, '-o', to, './cmd'], {
    cwd,
    env: { CGO_ENABLED: '0' },
    timeoutMs: buildMs,
  });
}
