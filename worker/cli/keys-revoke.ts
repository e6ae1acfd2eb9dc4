/** `millrace keys revoke`: a key works no longer. */
import type { RawEnvironment } from '../config/environment.ts';
import { revokeApiKey } from '../services/tenants/keys.ts';
import { environmentKeyName } from '../services/tenants/tenants.ts';
import { withDatabase } from './with-database.ts';

export async function revokeKey(env: RawEnvironment, id: string): Promise<void> {
  const { name, tenant, revokedAt } = await withDatabase(env, (db) => revokeApiKey(db, id));
  const when = revokedAt?.toISOString().slice(0, 19);
  process.stdout.write(`The key ${id} ("${name}" of ${tenant.name}) is revoked since ${when}.\n`);
  if (name === environmentKeyName) {
    process.stdout.write('It comes from MILLRACE_API_KEY or the data folder: the next start lets it in again.\n');
  }
}
