export { connectionCause } from './cause.ts';
export { connectRedis, describeTarget, type RedisConnection, type RedisUse } from './connections.ts';
