/** What an operator does with the keys of tenants: makes, lists and revokes them. */
import { v7 as uuidv7, validate } from 'uuid';
import type { Database, Queryable } from '../../db/index.ts';
import { MillraceError } from '../../errors.ts';
import { addApiKey, ensureTenant, environmentKeyName, newApiKey } from './tenants.ts';

/** Longest name of a tenant or key, in characters. */
const maxNameChars = 100;
/** Keys that one list shows; the newest come first. */
const maxListed = 10_000;

export interface Tenant {
  readonly id: string;
  readonly name: string;
}

export interface MadeKey {
  readonly id: string;
  /** Shown to whoever asked for it, and kept nowhere. */
  readonly key: string;
  readonly tenant: Tenant;
  /** Whether the tenant was made with it. */
  readonly tenantMade: boolean;
}

export interface ListedKey {
  readonly id: string;
  readonly name: string;
  readonly tenant: Tenant;
  readonly createdAt: Date;
  readonly revokedAt: Date | undefined;
}

/**
 * Makes a key for a tenant, which is named by its id or its name, and made when there is none.
 * @throws MillraceError `tenant_name_invalid`, `key_name_invalid`
 */
export async function createApiKey(db: Database, tenant: string, name: string): Promise<MadeKey> {
  checkName('tenant_name_invalid', 'The name of a tenant', tenant);
  checkName('key_name_invalid', 'The label of a key', name);
  if (name === environmentKeyName) {
    throw new MillraceError({
      code: 'key_name_invalid',
      message: `The label "${environmentKeyName}" is that of the key in MILLRACE_API_KEY.`,
      hint: 'Give the key another label.',
    });
  }
  const key = newApiKey();
  return db.tx(async (tx) => {
    const asId = validate(tenant);
    const there = await findTenant(tx, tenant, asId);
    if (!there) await ensureTenant(tx, asId ? tenant.toLowerCase() : uuidv7(), tenant);
    const found = there ?? (await findTenant(tx, tenant, asId));
    if (!found) throw new Error(`the tenant ${tenant} was made and is not there`);
    const id = await addApiKey(tx, found.id, name, key);
    if (id === undefined) throw new Error('a key that was made at random is there already');
    return { id, key, tenant: found, tenantMade: !there };
  });
}

/** Keys of all tenants, the newest first, those that are revoked with them. */
export async function listApiKeys(db: Queryable): Promise<ListedKey[]> {
  return (await db.query<KeyRow>(`${selectKeys} order by k.created_at desc, k.id desc limit ${maxListed}`)).map(listed);
}

/**
 * Revokes a key by its id: it works no longer, after the seconds for which processes believe a key that they have seen. One that
 * is revoked already stays as it is.
 * @throws MillraceError `key_not_found`
 */
export async function revokeApiKey(db: Database, id: string): Promise<ListedKey> {
  const [row] = validate(id)
    ? await db.tx(async (tx) => {
        await tx.query('update api_keys set revoked_at = now() where id = $1 and revoked_at is null', [id]);
        return tx.query<KeyRow>(`${selectKeys} where k.id = $1`, [id]);
      })
    : [];
  if (row) return listed(row);
  throw new MillraceError({
    code: 'key_not_found',
    message: `There is no key with the id ${id}.`,
    hint: 'The ids stand in the list of keys; the key itself is not one.',
  });
}

async function findTenant(db: Queryable, tenant: string, asId: boolean): Promise<Tenant | undefined> {
  const [row] = await db.query<Tenant>(
    `select id, name from tenants where ${asId ? 'id = $1::uuid' : 'name = $1'} for share`,
    [tenant],
  );
  return row;
}

interface KeyRow {
  readonly id: string;
  readonly name: string;
  readonly tenant_id: string;
  readonly tenant_name: string;
  readonly created_at: Date;
  readonly revoked_at: Date | null;
}

const selectKeys = `select k.id, k.name, t.id as tenant_id, t.name as tenant_name, k.created_at, k.revoked_at
  from api_keys k join tenants t on t.id = k.tenant_id`;

const listed = (row: KeyRow): ListedKey => ({
  id: row.id,
  name: row.name,
  tenant: { id: row.tenant_id, name: row.tenant_name },
  createdAt: row.created_at,
  revokedAt: row.revoked_at ?? undefined,
});

function checkName(code: string, what: string, name: string): void {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not come
  if (name.trim() === name && name !== '' && name.length <= maxNameChars && !/[\u0000-\u001f\u007f]/.test(name)) return;
  throw new MillraceError({
    code,
    message: `${what} was expected to be one line of 1 to ${maxNameChars} characters without blanks at its ends, instead got ${JSON.stringify(name.slice(0, maxNameChars + 1))}.`,
    hint: 'Give it as one argument, in quotes when it holds blanks.',
  });
}
