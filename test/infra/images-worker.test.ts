import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { imageFor } from '../harness/docker-images.ts';
import { docker, root } from './harness/docker.ts';
import { type ImageConfig, inImage, inspectImage, shellIn } from './images/in-image.ts';

const image = process.env.MILLRACE_IMAGE || 'millrace/worker:local';
const mebibyte = 1024 * 1024;
const standIn = imageFor('NODE_IMAGE').startsWith('millrace/');
const limitMebibytes = standIn ? 600 : 400;

let config: ImageConfig;
beforeAll(async () => {
  config = await inspectImage(image);
});

const mounted = (path: string, target: string) => ['--volume', `${join(root, path)}:${target}:ro`];

describe('the worker image', () => {
  test(`should be smaller than ${limitMebibytes} MB`, () => {
    expect(config.Size / mebibyte).toBeLessThan(limitMebibytes);
  });

  test('should run as a user of its own, by an init, with a health check, a version and no volume nobody named', () => {
    expect(config.Config).toMatchObject({
      User: '1001:1001',
      WorkingDir: '/app',
      Entrypoint: ['tini', '--', 'millrace-entrypoint'],
      Healthcheck: { Test: ['CMD', 'millrace-health'] },
    });
    expect(config.Config.Volumes ?? {}).toEqual({});
    const labels = config.Config.Labels ?? {};
    for (const name of ['title', 'description', 'licenses', 'version', 'revision'])
      expect(labels[`org.opencontainers.image.${name}`], name).toMatch(/\S/);
  });

  test('should tell nothing of the machine that built it: no settings of npm, no addresses, no proxies', async () => {
    const history = await docker(['history', '--no-trunc', '--format', '{{.CreatedBy}}', image]);
    expect(history).not.toMatch(/npmrc|registry|_auth|cafile|proxy|https?:/i);
    expect(config.Config.Env.map((entry) => entry.split('=')[0]).sort()).toEqual(
      ['MILLRACE_HOME', 'MODE', 'NODE_COMPILE_CACHE', 'NODE_ENV', 'PATH'].sort(),
    );
    const found = await shellIn(
      image,
      'ls -d /build /app/.npmrc "$HOME/.npmrc" /etc/npmrc /usr/etc/npmrc 2>/dev/null; true',
      { options: ['--user', '0:0'] },
    );
    expect(found).toBe('');
  });

  test('should hold nothing that builds or installs, and no caches', async () => {
    const tools = 'npm npx corepack yarn pnpm gcc cc make python3 git curl wget perl5 docker';
    expect(await shellIn(image, `for name in ${tools}; do command -v $name; done; true`)).toBe('');
    const caches = '"$HOME" /var/lib/apt/lists /var/cache /var/log /tmp /usr/share/doc';
    const files = `find ${caches} -type f ! -name .bashrc ! -name .profile 2>/dev/null; true`;
    expect(await shellIn(image, files, { options: ['--user', '0:0'] })).toBe('');
    const elsewhere =
      'find /app/node_modules -maxdepth 3 -name "*-musl" -o -maxdepth 3 -name "*-darwin-*" -o -maxdepth 3 -name "*-win32-*"';
    expect(await shellIn(image, elsewhere)).toBe('');
    expect(await shellIn(image, 'find /app/worker -name "*.test.ts"')).toBe('');
  });

  test('should let its user write nowhere but to the storage, and nobody change users', async () => {
    const asRoot = { options: ['--user', '0:0'] };
    const open =
      'find /app /usr /etc /opt -xdev ! -type l \\( -user 1001 -o -group 1001 -o -perm -002 \\) 2>/dev/null; true';
    expect(await shellIn(image, open, asRoot)).toBe('/app/storage\n');
    expect(await shellIn(image, 'test -w /app/storage -o -O /app/storage && id -u')).toBe('1001\n');
    expect(await shellIn(image, 'find / -xdev -type f -perm /6000 2>/dev/null; true', asRoot)).toBe('');
  });

  test('should run its init as process 1', async () => {
    expect(await inImage(image, ['cat', '/proc/1/comm'])).toBe('tini\n');
  });

  test.each(['api', 'worker', 'beat', 'migrate'])('should name what MODE=%s misses, and exit 78', async (mode) => {
    const named = await inImage(image, [], { options: ['--env', `MODE=${mode}`] }).catch(String);
    expect(named).toContain('exited with 78');
    expect(named).toContain(`DB_HOST: needed in mode ${mode}`);
  });

  test('should run the command line', async () => {
    expect(await inImage(image, ['millrace', '--help'])).toContain('Usage: millrace');
  });

  test('should load every module of the worker, out of the code that was compiled at its build', async () => {
    const loaded = await inImage(image, ['node', '/test/compile-all.ts'], {
      options: [...mounted('tools/images/worker/compile-all.ts', '/test/compile-all.ts'), '--workdir', '/app'],
    });
    expect(loaded).toMatch(/^\d{3,} modules in \/app\/\.compiled\//);
    const heard = await shellIn(
      image,
      'NODE_DEBUG_NATIVE=COMPILE_CACHE node worker/cli/main.ts --help 2>&1 >/dev/null',
    );
    expect(heard).toMatch(/cache for .*worker\/cli\/run\.ts/);
    expect(heard).not.toMatch(/worker\/cli\/run\.ts\.\.\. (?:no such file|permission denied)/);
    // compiled for the flags that the processes of the image are started with, which the command line is not
    const started = await shellIn(image, 'MODE=none NODE_DEBUG_NATIVE=COMPILE_CACHE millrace-entrypoint 2>&1; true');
    expect(started).toMatch(/cache for ESM .*worker\/boot\/[a-z-]+\.ts was accepted/);
    expect(started).not.toMatch(/worker\/boot\/[a-z-]+\.ts was rejected/);
  });

  test('should read every format, embed, and cut Chinese, with what is left of the packages', async () => {
    const said = await inImage(image, ['node', '/test/read-documents.mjs', '/test/documents'], {
      options: [
        ...mounted('test/infra/images/read-documents.mjs', '/test/read-documents.mjs'),
        ...mounted('test/fixtures/documents', '/test/documents'),
      ],
      timeoutMs: 300_000,
    });
    const { segments, dimensions, words } = JSON.parse(said);
    const formats = [
      'csv',
      'docx',
      'eml',
      'epub',
      'html',
      'md',
      'mdx',
      'pdf',
      'pptx',
      'properties',
      'txt',
      'vtt',
      'xlsx',
      'xml',
    ];
    for (const format of formats)
      expect(
        Object.keys(segments).some((name) => name.endsWith(`.${format}`) && segments[name] > 0),
        format,
      ).toBe(true);
    expect(dimensions).toBe(512);
    expect(words).toEqual(['我们', '在', '学习', '分词']);
  });

  test('should be healthy when its own process answers 200, and say what it answered else', async () => {
    const asked = async (status: number): Promise<{ exitCode: number; said: string }> =>
      JSON.parse(
        await inImage(image, ['node', '/test/ask-health.mjs', String(status)], {
          options: ['--env', 'MODE=worker', ...mounted('test/infra/images/ask-health.mjs', '/test/ask-health.mjs')],
        }),
      );
    expect(await asked(200)).toEqual({ exitCode: 0, said: '' });
    const { exitCode, said } = await asked(503);
    expect(exitCode).toBe(1);
    expect(said).toContain('/readyz on port 9101: HTTP/1.1 503');
    expect(said).toContain('because of the database');
    const silent = await shellIn(image, 'MODE=beat millrace-health; echo "exit $?"');
    expect(silent).toBe('nothing listens on port 9101\nexit 1\n');
  });
});
