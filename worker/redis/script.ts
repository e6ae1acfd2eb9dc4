/** Lua that runs in Redis: sent once to a server, and named by its digest from then on. */
import { createHash } from 'node:crypto';
import type { RedisConnection } from './connections.ts';
import { scriptCommand } from './script-command.ts';

export interface RedisScript {
  readonly lua: string;
  /** SHA-1, hexadecimal, as Redis names it. */
  readonly digest: string;
}

export const redisScript = (lua: string): RedisScript => ({
  lua,
  digest: createHash('sha1').update(lua).digest('hex'),
});

/**
 * Runs a script. A server that does not know it yet, as after a restart or a failover, is sent it whole.
 * @param keys in a cluster all of one slot; what else the script touches must stand there too
 * @throws what Redis or the connection says
 */
export async function runScript(
  connection: RedisConnection,
  { lua, digest }: RedisScript,
  keys: readonly string[],
  args: readonly (string | number)[],
): Promise<unknown> {
  const rest = [keys.length, ...keys, ...args];
  try {
    return await connection.sendCommand(scriptCommand('evalsha', [digest, ...rest]));
  } catch (error) {
    if (!(error instanceof Error && error.message.startsWith('NOSCRIPT'))) throw error;
    return connection.sendCommand(scriptCommand('eval', [lua, ...rest]));
  }
}
