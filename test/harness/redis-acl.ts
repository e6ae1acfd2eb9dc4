/** The users of `worker/redis/acl.ts` on servers of the harness. */
import { randomBytes } from 'node:crypto';
import { type AclUserName, aclLine, aclUserNames, aclUsers } from '../../worker/redis/index.ts';
import { type RedisServers, type RedisUsers, targetsOf } from './redis.ts';

export interface RedisAcl extends RedisUsers {
  /** Of all users. */
  readonly password: string;
  /** How one of the users reaches the servers; at sentinels it is the user for clients. */
  as(user: AclUserName, servers: Pick<RedisServers, 'environment'>): Pick<RedisServers, 'environment' | 'targets'>;
}

export function createAcl(): RedisAcl {
  const password = randomBytes(18).toString('hex');
  const lines = (on: 'data' | 'sentinel') =>
    aclUserNames.filter((name) => aclUsers[name].on === on).map((name) => aclLine(name, password));
  const replica: AclUserName = 'millrace-replica';
  const sentinel: AclUserName = 'millrace-sentinel';
  const sentinelClient: AclUserName = 'millrace-sentinel-client';
  return {
    password,
    data: lines('data'),
    sentinel: lines('sentinel'),
    replicates: [`masteruser ${replica}`, `masterauth ${password}`],
    watches: (masterName) => [
      `sentinel auth-user ${masterName} ${sentinel}`,
      `sentinel auth-pass ${masterName} ${password}`,
    ],
    as(user, servers) {
      const environment = {
        ...servers.environment,
        REDIS_USERNAME: user,
        REDIS_PASSWORD: password,
        ...(servers.environment.REDIS_USE_CLUSTERS && { REDIS_CLUSTERS_PASSWORD: password }),
        ...(servers.environment.REDIS_USE_SENTINEL && {
          REDIS_SENTINEL_USERNAME: sentinelClient,
          REDIS_SENTINEL_PASSWORD: password,
        }),
      };
      return { environment, targets: targetsOf(environment) };
    },
  };
}
