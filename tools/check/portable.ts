/** Fails when a tracked file holds what is true of one machine only: a package registry's host, a path of its own. */
import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { findMachineWords } from './machine-words.ts';
import { trackedFiles } from './tracked-files.ts';

/** Beyond this it is data, not something written by hand. */
const maxFileBytes = 4 * 1024 * 1024;

/** A checkout in a folder like "/app" says nothing of the machine, and its name is a common word. */
const minCheckoutDepth = 2;

const partsOf = (path: string) => path.split('/').filter((part) => part !== '').length;
const ownPaths = [
  ...(partsOf(process.cwd()) >= minCheckoutDepth ? [process.cwd()] : []),
  ...(partsOf(homedir()) > 0 ? [homedir()] : []),
];
let found = 0;
for (const path of trackedFiles()) {
  const content = readFileSync(path);
  if (content.length > maxFileBytes || content.includes(0)) continue;
  for (const { line, what, word } of findMachineWords(content.toString('utf8'), ownPaths)) {
    console.log(`${path}:${line}: ${what}: ${word}`);
    found += 1;
  }
}
process.exitCode = found > 0 ? 1 : 0;
