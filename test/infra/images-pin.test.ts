/** tools/pin-images, with a docker command in front of it that answers as one beside a registry does. */
import { execFile } from 'node:child_process';
import { chmod, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { root } from './harness/docker.ts';

const digest = `sha256:${'a'.repeat(64)}`;
const variables = ['REDIS_IMAGE', 'POSTGRES_IMAGE', 'NODE_IMAGE', 'DEBIAN_IMAGE'];
const ofOverlays = ['PROMETHEUS_IMAGE', 'WEAVIATE_IMAGE'];

let folder = '';
let file = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'millrace-pin-'));
  file = join(folder, 'chosen.env');
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** A docker that has no buildx, and pulls what `knows` (a pattern of the shell's) matches. */
async function registryThatKnows(knows: string): Promise<void> {
  const script = `#!/bin/sh\n[ "$1" = pull ] || exit 1\ncase "$2" in ${knows}) echo "Digest: ${digest}" ;; *) exit 1 ;; esac\n`;
  await writeFile(join(folder, 'docker'), script);
  await chmod(join(folder, 'docker'), 0o755);
}

const pin = () =>
  new Promise<{ exitCode: number; said: string }>((resolve) => {
    const env = { ...process.env, PATH: `${folder}:${process.env.PATH}` };
    execFile(join(root, 'tools/pin-images'), [file], { env, timeout: 60_000 }, (error, _stdout, said) =>
      resolve({ exitCode: typeof error?.code === 'number' ? error.code : error ? 1 : 0, said }),
    );
  });

describe('make pin-images', () => {
  test('should write each image with the digest that a registry told, and leave every other line', async () => {
    await registryThatKnows('*');
    const before = [
      'MILLRACE_TLS=true',
      'REDIS_IMAGE=millrace/redis:dev',
      `POSTGRES_IMAGE=own/postgres:17@sha256:0ld`,
      '',
    ];
    await writeFile(file, before.join('\n'));
    expect((await pin()).exitCode).toBe(0);
    const lines = (await readFile(file, 'utf8')).trimEnd().split('\n');
    expect(lines[0]).toBe('MILLRACE_TLS=true');
    expect(lines.slice(1).map((line) => line.split('=')[0])).toEqual([...variables, ...ofOverlays]);
    expect(lines[1]).toMatch(new RegExp(`^REDIS_IMAGE=redis:8[^@]*@${digest}$`));
    expect(lines[2]).toBe(`POSTGRES_IMAGE=own/postgres:17@${digest}`);
    expect(lines.slice(5)).toEqual([
      expect.stringMatching(new RegExp(`^PROMETHEUS_IMAGE=prom/prometheus:v\\d[^@]*@${digest}$`)),
      expect.stringMatching(new RegExp(`^WEAVIATE_IMAGE=\\S+/weaviate:\\d[^@]*@${digest}$`)),
    ]);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
  });

  test('should pin the rest, and leave the line of an overlay whose registry does not answer', async () => {
    await registryThatKnows('[!po]*|p[!r]*');
    await writeFile(file, 'PROMETHEUS_IMAGE=own/prometheus:3\nWEAVIATE_IMAGE=own/weaviate:1\n');
    const { exitCode, said } = await pin();
    expect(exitCode).toBe(0);
    expect(said).toMatch(/of own\/weaviate:1 within \d+ s; WEAVIATE_IMAGE was left as it is/);
    const lines = (await readFile(file, 'utf8')).trimEnd().split('\n');
    expect(lines.slice(0, 2)).toEqual(['PROMETHEUS_IMAGE=own/prometheus:3', 'WEAVIATE_IMAGE=own/weaviate:1']);
    expect(lines.slice(2).map((line) => line.split('=')[0])).toEqual(variables);
  });

  test('should write nothing, and say which image nobody knew, when one digest cannot be had', async () => {
    await registryThatKnows('redis:*');
    await writeFile(file, 'MILLRACE_TLS=true\n');
    const { exitCode, said } = await pin();
    expect(exitCode).toBe(1);
    expect(said).toMatch(/no registry told the digest of pgvector\/pgvector:\S+ within \d+ s; nothing was written/);
    expect(await readFile(file, 'utf8')).toBe('MILLRACE_TLS=true\n');
  });
});
