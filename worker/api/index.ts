/** The API's public face. */
export { createApi } from './api.ts';
export type { ApiDeps } from './deps.ts';
export { startHealthServer } from './health-server.ts';
export type * from './types/common.ts';
export type * from './types/flow.ts';
export type * from './types/knowledge.ts';
export type * from './types/operations.ts';
export type * from './types/schedule.ts';
export type * from './types/task.ts';
export type * from './types/why.ts';
