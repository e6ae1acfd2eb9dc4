/** The entry point of the child that runs the tasks of mode `all`. */
import { enableCompileCache } from 'node:module';

enableCompileCache();
const { serveParent } = await import('./worker-process.ts');
serveParent();
