import type { createApi } from '../api/api.ts';
import type { Config } from '../config/config.ts';
import { StartError } from '../errors.ts';

/** @throws StartError `port_taken`, `address_unusable` */
export async function listenOn(
  api: Awaited<ReturnType<typeof createApi>>,
  { api: { host, port } }: Config,
): Promise<string> {
  try {
    return await api.listen({ host, port });
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : '';
    if (code === 'EADDRINUSE') {
      throw new StartError({
        code: 'port_taken',
        message: `Port ${port} of ${host} is taken by another program.`,
        hint: 'Stop that program, or set DIFY_PORT to another port (0 takes any free one).',
      });
    }
    throw new StartError({
      code: 'address_unusable',
      message: `The API cannot listen on ${host}:${port} (${code || 'unknown reason'}).`,
      hint: 'Set DIFY_BIND_ADDRESS to an address of this machine and DIFY_PORT to a port this user may use.',
      cause,
    });
  }
}
