/** `millrace keys list`: the keys of all tenants, which are known by their ids, not by themselves. */
import type { RawEnvironment } from '../config/environment.ts';
import { listApiKeys } from '../services/tenants/keys.ts';
import { table } from './table.ts';
import { withDatabase } from './with-database.ts';

export async function listKeys(env: RawEnvironment, json: boolean): Promise<void> {
  const keys = await withDatabase(env, listApiKeys);
  const shown = json
    ? JSON.stringify(
        keys.map(({ id, name, tenant, createdAt, revokedAt }) => ({
          id,
          label: name,
          tenant_id: tenant.id,
          tenant: tenant.name,
          created_at: createdAt.toISOString(),
          revoked_at: revokedAt?.toISOString() ?? null,
        })),
        null,
        2,
      )
    : table(
        ['id', 'tenant', 'label', 'made', 'revoked'],
        keys.map(({ id, name, tenant, createdAt, revokedAt }) => [
          id,
          tenant.name,
          name,
          createdAt.toISOString().slice(0, 19),
          revokedAt?.toISOString().slice(0, 19) ?? 'no',
        ]),
      );
  process.stdout.write(`${shown}\n`);
}
