/** The API's public face. */
export { createApi } from './api.ts';
export type { ApiDeps } from './deps.ts';
export { startHealthServer } from './health-server.ts';
export type * from './types.ts';
