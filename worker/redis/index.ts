export { type AclUser, type AclUserName, aclLine, aclUserNames, aclUsers, hashedAclLine } from './acl.ts';
export {
  type ConnectionBudget,
  type ConnectionCount,
  connectionBudget,
  connectionsOfProcess,
  hostConnections,
  type KnownServer,
  type ProcessSetup,
  readClientLimit,
  type ServerLimit,
  serversOfTarget,
} from './budget.ts';
export { connectionCause } from './cause.ts';
export { connectRedis, describeTarget, type RedisConnection, type RedisUse } from './connections.ts';
export {
  askServer,
  dataAccess,
  isDenied,
  isHidden,
  type ServerAccess,
  type ServerAnswer,
  type ServerCall,
  sentinelAccess,
  tryServer,
} from './one-server.ts';
export { blockSeconds, lockDurationMs, queueSettings, workerSettings } from './queue-settings.ts';
export { type RedisScript, redisScript, runScript } from './script.ts';
