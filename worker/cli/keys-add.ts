/** `millrace keys add`: a key for a tenant, printed this once. */
import type { RawEnvironment } from '../config/environment.ts';
import { createApiKey } from '../services/tenants/keys.ts';
import { withDatabase } from './with-database.ts';

/** The key stands alone on standard output, so that a script can take it; what it is, on standard error. */
export async function addKey(env: RawEnvironment, tenant: string, label: string): Promise<void> {
  const made = await withDatabase(env, (db) => createApiKey(db, tenant, label));
  const lines = [
    `tenant  ${made.tenant.name} (${made.tenant.id})${made.tenantMade ? ', made now' : ''}`,
    `id      ${made.id}`,
    `label   ${label}`,
    'The key is not shown again: only its hash is kept.',
  ];
  process.stderr.write(`${lines.join('\n')}\n`);
  process.stdout.write(`${made.key}\n`);
}
