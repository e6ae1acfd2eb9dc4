export { connectRedis, describeTarget, type RedisConnection, type RedisUse } from './connections.ts';
