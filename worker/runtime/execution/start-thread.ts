import { Worker, type WorkerOptions } from 'node:worker_threads';

/**
 * Starts a thread on a module of ours. Code compiled before is taken from the cache, from the first module on: types stripped in
 * the thread would cost it 10 MB. An error while the module loads ends the thread with an `error` event.
 */
export const startThreadOn = (module: URL, options: WorkerOptions): Worker =>
  new Worker(`require('node:module').enableCompileCache(); import(${JSON.stringify(module.href)});`, {
    ...options,
    eval: true,
  });
