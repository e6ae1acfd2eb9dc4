/** From `Authorization: Bearer <key>` to a tenant. */
import { createHash } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import type { FastifyInstance } from 'fastify';
import type { Database } from '../db/index.ts';
import { tenantOfKey } from '../services/tenants/tenants.ts';
import { ApiError } from './problems/api-error.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** Whether the key still acts for this tenant: for what lasts longer than a request. Never throws. */
    keyHolds: () => Promise<boolean>;
    /** The tenant the key acts for; set on every route under /v1. */
    tenantId: string;
    /** A hash of the key: what requests are counted by. */
    keyHash: string;
  }
}

/** How long a key is believed without being looked up: a revoked one works no longer than this. */
const keyTtlMs = 5000;
/** Keys remembered at most; the oldest goes first. */
const maxKeys = 1000;
/** Longer ones are none of ours and are not hashed. */
const maxKeyChars = 512;

type Lookup = (key: string) => Promise<string | undefined>;

/** Remembers which tenant a key acts for, by the key's hash. A key that is not known is asked for again each time. */
export function rememberKeys(
  lookup: Lookup,
  now: () => number = Date.now,
): (key: string, hash: string) => Promise<string | undefined> {
  const known = new Map<string, { readonly tenantId: string; readonly until: number }>();
  const asked = new Map<string, Promise<string | undefined>>();
  const ask = async (key: string, hash: string) => {
    const tenantId = await lookup(key);
    known.delete(hash);
    if (tenantId === undefined) return undefined;
    known.set(hash, { tenantId, until: now() + keyTtlMs });
    const oldest = known.size > maxKeys ? known.keys().next().value : undefined;
    if (oldest !== undefined) known.delete(oldest);
    return tenantId;
  };
  return (key, hash) => {
    const found = known.get(hash);
    if (found && found.until > now()) return Promise.resolve(found.tenantId);
    // many requests at once ask once
    const under = asked.get(hash);
    if (under) return under;
    const asking = ask(key, hash).finally(() => asked.delete(hash));
    asked.set(hash, asking);
    return asking;
  };
}

const bearer = /^Bearer +(\S+) *$/i;
/** Browsers can send no header with a WebSocket, but can offer protocols: one of them may hold the key. */
const offered = /(?:^|,) *millrace\.key\.([^\s,]+) *(?:,|$)/;

function keyOf({ authorization, 'sec-websocket-protocol': protocols }: IncomingHttpHeaders): string | undefined {
  if (authorization !== undefined) return bearer.exec(authorization)?.[1];
  return protocols === undefined ? undefined : offered.exec(protocols)?.[1];
}

export function installAuth(app: FastifyInstance, db: Database): void {
  const tenantOf = rememberKeys((key) => tenantOfKey(db, key));
  app.decorateRequest('tenantId', '');
  app.decorateRequest('keyHash', '');
  app.decorateRequest('keyHolds', async () => false);
  app.addHook('onRequest', async (request) => {
    const key = keyOf(request.headers);
    if (key === undefined) {
      throw new ApiError({
        code: 'key_missing',
        message: 'Expected the header `Authorization: Bearer <key>`.',
        hint: 'The embedded default prints its key at first start and keeps it in $MILLRACE_HOME/api-key.',
      });
    }
    const hash = createHash('sha256').update(key.slice(0, maxKeyChars)).digest('base64');
    const tenantId = key.length > maxKeyChars ? undefined : await tenantOf(key, hash);
    if (tenantId === undefined) {
      throw new ApiError({
        code: 'key_unknown',
        message: 'The API key is not known here, or was revoked.',
        hint: 'See MILLRACE_API_KEY, or $MILLRACE_HOME/api-key of the embedded default.',
      });
    }
    request.tenantId = tenantId;
    // by a name: V8 puts a function that is assigned as it is written among the old objects, and it would keep its request there (decision 0016)
    const keyHolds = async () => {
      // an outage of the database is no reason to hang up
      const stillOf = await tenantOf(key, hash).catch(() => tenantId);
      return stillOf === tenantId;
    };
    request.keyHolds = keyHolds;
    request.keyHash = hash;
  });
}
