/** The entry point of every process. */
import { enableCompileCache } from 'node:module';

// Types stripped and code compiled once, not at every start: less to do and less to hold.
enableCompileCache();
await import('./boot/start.ts');
