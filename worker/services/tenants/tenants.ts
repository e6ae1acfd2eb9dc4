/** Tenants and their API keys. A key is bound to one tenant; only its hash is kept. */
import { createHash, randomBytes } from 'node:crypto';
import { v7 as uuidv7 } from 'uuid';
import type { Database, Queryable } from '../../db/index.ts';

/** The tenant of MILLRACE_API_KEY, and of jobs from elsewhere that name none. */
export const defaultTenantId = '00000000-0000-7000-8000-000000000001';

/** The name of the key that MILLRACE_API_KEY sets, or that the embedded default made. */
export const environmentKeyName = 'environment';

const keyPrefix = 'mr-';
const keyBytes = 24;

export const newApiKey = (): string => `${keyPrefix}${randomBytes(keyBytes).toString('hex')}`;

const hashOf = (key: string) => createHash('sha256').update(key).digest();

/** Makes the tenant when it is not there. */
export async function ensureTenant(db: Queryable, id: string, name: string): Promise<void> {
  await db.query('insert into tenants (id, name) values ($1, $2) on conflict do nothing', [id, name]);
}

/** Lets `key` act for the tenant; a key that already does is left as it is. @returns its id, when it is new */
export async function addApiKey(
  db: Queryable,
  tenantId: string,
  name: string,
  key: string,
): Promise<string | undefined> {
  const [row] = await db.query<{ id: string }>(
    `insert into api_keys (id, tenant_id, name, key_hash) values ($1, $2, $3, $4) on conflict (key_hash) do nothing
     returning id`,
    [uuidv7(), tenantId, name, hashOf(key)],
  );
  return row?.id;
}

/** Makes `key` the one key of the default tenant that comes from the environment; a former one no longer works. */
export async function installDefaultKey(db: Database, key: string): Promise<void> {
  await db.tx(async (tx) => {
    await ensureTenant(tx, defaultTenantId, 'default');
    await tx.query(
      `update api_keys set revoked_at = now()
        where tenant_id = $1 and name = $3 and revoked_at is null and key_hash <> $2`,
      [defaultTenantId, hashOf(key), environmentKeyName],
    );
    await addApiKey(tx, defaultTenantId, environmentKeyName, key);
    await tx.query('update api_keys set revoked_at = null where key_hash = $1', [hashOf(key)]);
  });
}

/** The tenant that a key acts for, or undefined for a key that is unknown or revoked. */
export async function tenantOfKey(db: Queryable, key: string): Promise<string | undefined> {
  const [row] = await db.query<{ tenant_id: string }>(
    'select tenant_id from api_keys where key_hash = $1 and revoked_at is null',
    [hashOf(key)],
  );
  return row?.tenant_id;
}
