/** The entry point of threads and children that run handlers for a worker. */
import { enableCompileCache } from 'node:module';

enableCompileCache();
const { openHost } = await import('./task-host.ts');
const { serveHost } = await import('../runtime/index.ts');
serveHost(openHost);
