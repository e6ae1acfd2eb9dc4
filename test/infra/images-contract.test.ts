/**
 * docs/reference/images.md: what the kit leans on in images that are not ours. Run on those that are chosen here, the
 * official ones or the stand-ins, so that nothing passes on one that would not on the other.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { imageFor } from '../harness/docker-images.ts';
import { until } from '../harness/until.ts';
import { docker } from './harness/docker.ts';
import { inspectImage, shellIn } from './images/in-image.ts';

const redis = imageFor('REDIS_IMAGE');
const postgres = imageFor('POSTGRES_IMAGE');
const node = imageFor('NODE_IMAGE');
const squid = process.env.MILLRACE_SQUID_IMAGE || 'millrace/squid:local';
const startTimeoutMs = 90_000;

const asRoot = { options: ['--user', '0:0'] };
const onPath = (names: string) => `for name in ${names}; do command -v $name >/dev/null || echo "no $name"; done`;

describe(`the Redis image (${redis})`, () => {
  test('should hold server, sentinel and client, of version 8, on PATH', async () => {
    expect(await shellIn(redis, onPath('redis-server redis-sentinel redis-cli sh awk sed grep'))).toBe('');
    expect(await shellIn(redis, 'redis-server --version')).toMatch(/v=8\./);
  });

  test('should have a user redis, 999, whose folder /data is a volume', async () => {
    expect(await shellIn(redis, 'id -u redis; stat -c %u /data', asRoot)).toBe('999\n999\n');
    const { Config } = await inspectImage(redis);
    expect(Object.keys(Config.Volumes ?? {})).toEqual(['/data']);
    expect(Config.WorkingDir).toBe('/data');
  });

  test('should start the server by its entry point, as redis and not as root', async () => {
    const id = (await docker(['run', '--detach', '--rm', '--network', 'none', redis, '--port', '7000'])).trim();
    try {
      await until('an answer on port 7000', startTimeoutMs, async () => {
        const said = await docker(['exec', id, 'redis-cli', '-p', '7000', 'ping']);
        return said.trim() === 'PONG';
      });
      const owner = await docker(['exec', id, 'sh', '-c', 'stat -c %u /proc/1; cat /proc/1/comm']);
      expect(owner).toBe('999\nredis-server\n');
    } finally {
      await docker(['rm', '--force', '--volumes', id]);
    }
  });
});

describe(`the Postgres image (${postgres})`, () => {
  let folder = '';
  let id = '';
  const sql = async (statement: string) =>
    (await docker(['exec', id, 'psql', '-XAt', '-U', 'owner', '-d', 'kept', '-c', statement])).trim();

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'millrace-images-'));
    await writeFile(join(folder, 'password'), 'a-password-of-this-test\n', { mode: 0o644 });
    await writeFile(join(folder, '10-first.sql'), 'CREATE TABLE first_start (who text);', { mode: 0o644 });
    const script =
      '#!/bin/sh\npsql -v ON_ERROR_STOP=1 -U "$POSTGRES_USER" -d "$POSTGRES_DB" -c "INSERT INTO first_start VALUES (\'$(id -u)\')"\n';
    await writeFile(join(folder, '20-second.sh'), script, { mode: 0o755 });
    const mounts = ['10-first.sql', '20-second.sh'].flatMap((name) => [
      '--volume',
      `${join(folder, name)}:/docker-entrypoint-initdb.d/${name}:ro`,
    ]);
    const settings = [
      'POSTGRES_USER=owner',
      'POSTGRES_DB=kept',
      'POSTGRES_PASSWORD_FILE=/password',
      'PGDATA=/var/lib/postgresql/data/inside',
    ].flatMap((setting) => ['--env', setting]);
    const password = ['--volume', `${join(folder, 'password')}:/password:ro`];
    // Docker's own network: its address is not the loopback one, which needs no password.
    const start = ['run', '--detach', '--rm', ...settings, ...password, ...mounts, postgres];
    id = (await docker([...start, '-c', 'max_connections=37'])).trim();
    await until('Postgres on its port', startTimeoutMs, async () => {
      await docker(['exec', id, 'pg_isready', '-q', '-h', '127.0.0.1', '-U', 'owner', '-d', 'kept']);
      return true;
    });
  });

  afterAll(async () => {
    if (id !== '') await docker(['rm', '--force', '--volumes', id]);
    await rm(folder, { recursive: true, force: true });
  });

  test('should hold server and client of version 17 on PATH, and pgvector', async () => {
    expect(await shellIn(postgres, onPath('postgres initdb pg_ctl psql pg_isready pg_dump pg_restore bash'))).toBe('');
    expect(await shellIn(postgres, onPath('pg_basebackup pg_verifybackup pg_archivecleanup pg_controldata'))).toBe('');
    expect(await shellIn(postgres, onPath('gzip tar cmp sync flock find awk sed grep'))).toBe('');
    expect(await sql('SHOW server_version_num')).toMatch(/^17\d{4}$/);
    await sql('CREATE EXTENSION vector');
    expect(await sql("SELECT '[1,2]'::vector <-> '[1,4]'::vector")).toBe('2');
  });

  test('should run as postgres, 999, keep its data where PGDATA says, and take arguments of the server', async () => {
    expect(await docker(['exec', id, 'sh', '-c', 'stat -c %u /proc/1; id -u postgres'])).toBe('999\n999\n');
    expect(await sql('SHOW data_directory')).toBe('/var/lib/postgresql/data/inside');
    expect(await sql('SHOW max_connections')).toBe('37');
    expect(Object.keys((await inspectImage(postgres)).Config.Volumes ?? {})).toEqual(['/var/lib/postgresql/data']);
  });

  test('should run /docker-entrypoint-initdb.d in order at its first start, as postgres', async () => {
    expect(await sql('SELECT who FROM first_start')).toBe('999');
  });

  test('should let in over TCP by the password of POSTGRES_PASSWORD_FILE, and by no other', async () => {
    const over = (password: string) =>
      docker([
        'exec',
        '--env',
        `PGPASSWORD=${password}`,
        id,
        'psql',
        '-XAt',
        '-h',
        id.slice(0, 12),
        '-U',
        'owner',
        '-d',
        'kept',
        '-c',
        'SELECT 1',
      ]);
    expect((await over('a-password-of-this-test').catch(String)).trim()).toBe('1');
    await expect(over('another')).rejects.toThrow('password authentication failed');
  });
});

describe(`the Node image (${node})`, () => {
  test('should be Debian 13 with Node 24 and npm on PATH', async () => {
    expect(await shellIn(node, 'node --version; . /etc/os-release; echo "$ID $VERSION_ID"')).toMatch(
      /^v24\.\d+\.\d+\ndebian 13\n$/,
    );
    expect(await shellIn(node, onPath('npm apt-get dpkg useradd setpriv getent'))).toBe('');
  });
});

describe(`the proxy's image (${squid})`, () => {
  test('should hold squid, and its user 13 by default, and nothing else that serves or builds', async () => {
    expect((await inspectImage(squid)).Config.User).toBe('13:13');
    expect(await shellIn(squid, 'id -un; squid -v | head -n 1')).toMatch(/^proxy\nSquid Cache: Version \d/);
    const tools = 'perl5 gcc cc make python3 git curl wget npm node';
    expect(await shellIn(squid, `for name in ${tools}; do command -v $name; done; true`)).toBe('');
    expect(await shellIn(squid, 'find / -xdev -type f -perm /6000 2>/dev/null; true', asRoot)).toBe('');
  });
});
