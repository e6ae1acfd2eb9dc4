/** The entry point of every process. The image starts it with a flag of V8: tools/images/worker/millrace-entrypoint. */
import { enableCompileCache } from 'node:module';
import { setFlagsFromString } from 'node:v8';

// Types stripped and code compiled once, not at every start: less to do and less to hold.
enableCompileCache();
// A burst keeps all that is under way alive past two collections; V8 concludes that such objects live long, and makes those of the same places in
// the code among the old ones from then on, where the tasks of a quiet worker stay until the next full collection (decision 0016).
setFlagsFromString('--no-allocation-site-pretenuring');
await import('./boot/start.ts');
