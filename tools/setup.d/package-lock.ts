/**
 * Two questions about package-lock.json, answered by the exit code (0: yes).
 *   installed ROOT   does node_modules hold what the lock file asks for, by npm's own record of what it installed?
 *   in-step ROOT     does the lock file ask for what package.json asks for?
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';

interface Wishes {
  readonly dependencies?: Record<string, string>;
  readonly devDependencies?: Record<string, string>;
}

interface LockedPackage extends Wishes {
  readonly version?: string;
  readonly optional?: boolean;
}

function packagesOf(file: string): Record<string, LockedPackage> {
  const lock: { readonly packages?: Record<string, LockedPackage> } = JSON.parse(readFileSync(file, 'utf8'));
  return lock.packages ?? {};
}

function installed(root: string): boolean {
  const wanted = packagesOf(join(root, 'package-lock.json'));
  const found = packagesOf(join(root, 'node_modules', '.package-lock.json'));
  return Object.entries(wanted).every(([path, { version, optional }]) => {
    if (path === '') return true;
    // Optional packages of other platforms are in the lock file and rightly not installed.
    return found[path] === undefined ? optional === true : found[path].version === version;
  });
}

function inStep(root: string): boolean {
  const wishes: Wishes = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const locked = packagesOf(join(root, 'package-lock.json'))[''] ?? {};
  return (
    isDeepStrictEqual(wishes.dependencies ?? {}, locked.dependencies ?? {}) &&
    isDeepStrictEqual(wishes.devDependencies ?? {}, locked.devDependencies ?? {})
  );
}

const questions: Readonly<Record<string, (root: string) => boolean>> = { installed, 'in-step': inStep };
const [name = '', root = '.'] = process.argv.slice(2);
try {
  process.exitCode = questions[name]?.(root) === true ? 0 : 1;
} catch {
  // No such file, or one that cannot be read: then npm has to install.
  process.exitCode = 1;
}
