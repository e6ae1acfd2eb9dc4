/** The commands that make, list and revoke API keys, as processes of their own, on both databases. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Database, migrate, openPglite } from '../../../worker/db/index.ts';
import {
  defaultTenantId,
  ensureTenant,
  installDefaultKey,
  tenantOfKey,
} from '../../../worker/services/tenants/tenants.ts';
import { databaseVariables, openDatabase } from '../../harness/database-address.ts';
import { postgresServer } from '../../harness/postgres.ts';
import { freePort } from '../../harness/processes.ts';

const file = (path: string) => fileURLToPath(new URL(`../../../worker/${path}`, import.meta.url));
const endsWithinMs = 60_000;

type Environment = Readonly<Record<string, string>>;

async function keys(env: Environment, ...args: string[]) {
  const child = spawn(process.execPath, [file('cli/main.ts'), 'keys', ...args], {
    env: { PATH: process.env.PATH ?? '', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: endsWithinMs,
    killSignal: 'SIGKILL',
  });
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
  return { code: child.exitCode, stdout, stderr };
}

/** A database that commands reach by `env`, and that the test looks into while none runs. */
interface Place extends AsyncDisposable {
  readonly env: Environment;
  look<T>(work: (db: Database) => Promise<T>): Promise<T>;
}

const places = {
  async postgres(): Promise<Place> {
    await using stack = new AsyncDisposableStack();
    const server = stack.use(await postgresServer.start());
    const { address } = stack.use(await server.createDatabase());
    const db = openDatabase(address, { poolMax: 2 });
    stack.defer(() => db.close());
    const owned = stack.move();
    return {
      env: databaseVariables(address),
      look: (work) => work(db),
      [Symbol.asyncDispose]: () => owned.disposeAsync(),
    };
  },
  async pglite(): Promise<Place> {
    const home = await mkdtemp(join(tmpdir(), 'millrace-keys-'));
    return {
      env: { MILLRACE_HOME: home },
      async look(work) {
        const db = await openPglite(join(home, 'pglite'));
        try {
          return await work(db);
        } finally {
          await db.close();
        }
      },
      [Symbol.asyncDispose]: () => rm(home, { recursive: true, force: true }),
    };
  },
};

describe.each(Object.keys(places) as (keyof typeof places)[])('millrace keys on %s', (kind) => {
  let place: Place;
  beforeAll(async () => {
    place = await places[kind]();
    await place.look(async (db) => {
      await migrate(db);
      await ensureTenant(db, defaultTenantId, 'default');
      await installDefaultKey(db, 'the key of the environment');
    });
  });
  afterAll(() => place?.[Symbol.asyncDispose]());

  const run = (...args: string[]) => keys(place.env, ...args);
  const listed = async (): Promise<Record<string, string | null>[]> => JSON.parse((await run('list', '--json')).stdout);

  it('should make a key for a new tenant, keep its hash only, and revoke it', { timeout: 120_000 }, async () => {
    const made = await run('add', '--tenant', 'Mill & Sons', '--name', 'night shift');
    expect(made).toMatchObject({ code: 0, stdout: expect.stringMatching(/^mr-[0-9a-f]{48}\n$/) });
    const key = made.stdout.trim();
    expect(made.stderr).toContain('made now');
    expect(made.stderr).not.toContain(key);

    const [entry] = await listed();
    expect(entry).toMatchObject({ tenant: 'Mill & Sons', label: 'night shift', revoked_at: null });
    const shown = await run('list');
    expect(shown.stdout).toMatch(new RegExp(`^${entry?.id} +Mill & Sons +night shift +\\S+ +no$`, 'm'));
    expect(shown.stdout).toMatch(/ default +environment /);
    expect(shown.stdout).not.toContain(key);
    await place.look(async (db) => {
      expect(await tenantOfKey(db, key)).toBe(entry?.tenant_id);
      const [row] = await db.query<{ kept: string }>(`select string_agg(k::text, ' ') as kept from api_keys k`);
      expect(row?.kept).not.toContain(key);
      expect(row?.kept).not.toContain(Buffer.from(key).toString('hex'));
    });

    const id = String(entry?.id);
    const revoked = await run('revoke', id);
    expect(revoked).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('("night shift" of Mill & Sons) is revoked'),
    });
    // asked again it tells of the first time
    expect((await run('revoke', id)).stdout).toBe(revoked.stdout);
    expect((await listed())[0]?.revoked_at).toEqual(expect.any(String));
    expect(await place.look((db) => tenantOfKey(db, key))).toBeUndefined();
  });

  it('should find a tenant by its name and by its id, and make one of an id', { timeout: 120_000 }, async () => {
    const byName = await run('add', '--tenant', 'default');
    const byId = await run('add', '--tenant', defaultTenantId.toUpperCase());
    const elsewhere = 'b6a6a2c0-5b1e-4c8e-9d56-0f3a5a8e7d11';
    const other = await run('add', '--tenant', elsewhere);
    expect([byName.code, byId.code, other.code]).toEqual([0, 0, 0]);
    expect(byName.stderr + byId.stderr).not.toContain('made now');
    expect(other.stderr).toContain('made now');
    await place.look(async (db) => {
      for (const { stdout } of [byName, byId]) expect(await tenantOfKey(db, stdout.trim())).toBe(defaultTenantId);
      expect(await tenantOfKey(db, other.stdout.trim())).toBe(elsewhere);
    });
  });

  it('should say that the next start lets the key of the environment in again', { timeout: 60_000 }, async () => {
    const own = (await listed()).find(({ label }) => label === 'environment');
    expect((await run('revoke', String(own?.id))).stdout).toContain('the next start lets it in again');
  });

  it('should refuse what names nothing, and change nothing', { timeout: 120_000 }, async () => {
    const before = await listed();
    const refusals: [string[], number, RegExp][] = [
      [['add'], 2, /--tenant/],
      [['revoke'], 2, /id/],
      [['add', '--tenant', ''], 1, /^millrace: tenant_name_invalid: /],
      [['add', '--tenant', 'two\nlines'], 1, /^millrace: tenant_name_invalid: /],
      [['add', '--tenant', 'default', '--name', 'environment'], 1, /^millrace: key_name_invalid: .*MILLRACE_API_KEY/],
      [['revoke', 'no-id'], 1, /^millrace: key_not_found: .*no-id/],
      [['revoke', defaultTenantId], 1, /^millrace: key_not_found: /],
    ];
    for (const [args, code, said] of refusals) {
      const refused = await run(...args);
      expect(refused, args.join(' ')).toMatchObject({ code, stdout: '', stderr: expect.stringMatching(said) });
    }
    expect(await listed()).toEqual(before);
  });

  if (kind === 'pglite')
    it('should say that the embedded database is in use', { timeout: 60_000 }, async () => {
      const holder = spawn(process.execPath, [file('embedded/testing/hold-folder.ts'), place.env.MILLRACE_HOME ?? ''], {
        stdio: ['pipe', 'pipe', 'inherit'],
      });
      try {
        await once(holder.stdout, 'data');
        const refused = await run('add', '--tenant', 'default');
        expect(refused).toMatchObject({ code: 78, stdout: '' });
        expect(refused.stderr).toMatch(
          new RegExp(
            `^millrace: data_folder_locked: .*process ${holder.pid}.*\n.*stop that one.*Postgres \\(DB_HOST\\)`,
          ),
        );
      } finally {
        holder.kill('SIGKILL');
        await once(holder, 'exit');
      }
    });

  if (kind === 'postgres')
    it('should say what is wrong with the way to Postgres', { timeout: 60_000 }, async () => {
      expect(await keys({ ...place.env, DB_PASSWORD: 'wrong' }, 'list')).toMatchObject({
        code: 78,
        stderr: expect.stringMatching(/^millrace: database_refused: /),
      });
      expect(await keys({ ...place.env, DB_PORT: String(await freePort()) }, 'list')).toMatchObject({
        code: 78,
        stderr: expect.stringMatching(/^millrace: database_unreachable: /),
      });
      expect(await keys({ ...place.env, DB_DATABASE: 'postgres' }, 'list')).toMatchObject({
        code: 78,
        stderr: expect.stringMatching(/^millrace: schema_missing: /),
      });
    });
});

it('should not make a data folder where there is none', async () => {
  const parent = await mkdtemp(join(tmpdir(), 'millrace-keys-'));
  const home = join(parent, 'home');
  expect(await keys({ MILLRACE_HOME: home }, 'list')).toMatchObject({
    code: 78,
    stderr: expect.stringMatching(/^millrace: database_not_there: .*\n.*MILLRACE_HOME/),
  });
  await rm(parent, { recursive: true });
});
