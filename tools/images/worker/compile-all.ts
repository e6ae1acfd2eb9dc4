/**
 * Loads every module of the worker that may be loaded without starting anything, so that Node's compile cache holds
 * each, its types stripped: run once while the image is built, as the user who runs the image (the cache is a user's
 * own). Where NODE_COMPILE_CACHE says; the folder may be read-only afterwards.
 */
import { globSync } from 'node:fs';
import { enableCompileCache } from 'node:module';
import { pathToFileURL } from 'node:url';

/** Entry points, which start what they are the entry of. */
const starts = /(?:^|\/)(?:main|start|child|runner)\.ts$|\.(?:child|worker)\.ts$/;

const { status, message, directory } = enableCompileCache();
if (directory === undefined) throw new Error(`expected a compile cache, instead got status ${status}: ${message}`);
const modules = globSync('worker/**/*.ts')
  .filter((path) => !starts.test(path))
  .sort();
for (const path of modules) await import(pathToFileURL(path).href);
console.log(`${modules.length} modules in ${directory}`);
process.exit();
