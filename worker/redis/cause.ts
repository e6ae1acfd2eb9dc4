/**
 * Why a Redis cannot be reached. Through sentinels and in a cluster the library says only that a connection was closed, so each
 * server is tried once, alone.
 */
import type { HostPort, RedisTarget } from '../config/redis-target.ts';
import { MillraceError } from '../errors.ts';
import { askServer, dataAccess, type ServerAnswer, sentinelAccess, tryServer } from './one-server.ts';

/** Servers tried of a list: enough to tell one that is down from settings that are wrong. */
const maxProbed = 3;

/** What keeps a connection to `target` from working, or undefined when nothing does. Takes some seconds at most. */
export async function connectionCause(target: RedisTarget): Promise<MillraceError | undefined> {
  const data = dataAccess(target);
  switch (target.topology) {
    case 'standalone':
      return (await tryServer(target, data)).cause;
    case 'cluster':
      return firstCause(target.nodes, (node) => askServer(node, data, (call) => call('cluster', 'slots')));
    case 'sentinel': {
      const { sentinels, masterName } = target;
      const access = sentinelAccess(target);
      let master: HostPort | undefined;
      const cause = await firstCause(sentinels, async (sentinel) => {
        const tried = await askServer(sentinel, access, (call) =>
          call('sentinel', 'get-master-addr-by-name', masterName),
        );
        if (Array.isArray(tried.answer)) master = { host: String(tried.answer[0]), port: Number(tried.answer[1]) };
        return tried;
      });
      if (master) return (await tryServer(master, data)).cause;
      return cause ?? unknownMaster(masterName);
    }
  }
}

const unknownMaster = (name: string) =>
  new MillraceError({
    code: 'redis_master_unknown',
    message: `The sentinels answer and watch no master named "${name}".`,
    hint: 'Set REDIS_SENTINEL_SERVICE_NAME (or CELERY_SENTINEL_MASTER_NAME) to the name in "sentinel monitor".',
  });

/** Undefined when one of the servers answers: then the others are merely down. */
async function firstCause<S>(
  servers: readonly S[],
  attempt: (server: S) => Promise<ServerAnswer<unknown>>,
): Promise<MillraceError | undefined> {
  const tried = await Promise.all(servers.slice(0, maxProbed).map(attempt));
  if (tried.some(({ cause }) => cause === undefined)) return undefined;
  // one that is merely down says less than one that refuses
  return (tried.find(({ cause }) => cause?.code !== 'redis_unreachable') ?? tried[0])?.cause;
}
