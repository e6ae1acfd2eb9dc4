/** Runs shellcheck over every shell script: what ends in .sh, or says so in its first line. */
import { spawnSync } from 'node:child_process';
import { closeSync, openSync, readSync } from 'node:fs';
import { trackedFiles } from './tracked-files.ts';

const firstLineBytes = 64;

function isShellScript(path: string): boolean {
  if (path.endsWith('.sh')) return true;
  const start = Buffer.alloc(firstLineBytes);
  const file = openSync(path, 'r');
  try {
    readSync(file, start, 0, firstLineBytes, 0);
  } finally {
    closeSync(file);
  }
  return /^#!.*\b(?:ba|da)?sh\b/.test(start.toString('latin1').split('\n', 1)[0] ?? '');
}

const scripts = trackedFiles().filter(isShellScript);
const { error, status } = spawnSync('shellcheck', ['--external-sources', ...scripts], { stdio: 'inherit' });
if (error !== undefined) console.error('shellcheck was not found; run tools/setup --for check');
process.exitCode = error === undefined ? (status ?? 1) : 1;
