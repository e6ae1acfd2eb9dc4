/** Exits 0 when node_modules holds what package-lock.json asks for, by npm's own record of what it installed. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

interface LockedPackage {
  readonly version?: string;
  readonly optional?: boolean;
  readonly peer?: boolean;
  readonly integrity?: string;
}

function packagesOf(file: string): Record<string, LockedPackage> {
  const lock: { readonly packages?: Record<string, LockedPackage> } = JSON.parse(readFileSync(file, 'utf8'));
  return lock.packages ?? {};
}

function installedMatches(root: string): boolean {
  const wanted = packagesOf(join(root, 'package-lock.json'));
  const installed = packagesOf(join(root, 'node_modules', '.package-lock.json'));
  return Object.entries(wanted).every(([path, { version, optional }]) => {
    if (path === '') return true;
    const found = installed[path];
    // Optional packages of other platforms are in the lock file and rightly not installed.
    return found === undefined ? optional === true : found.version === version;
  });
}

try {
  process.exitCode = installedMatches(process.argv[2] ?? '.') ? 0 : 1;
} catch {
  // No record, or one that cannot be read: then npm has to install.
  process.exitCode = 1;
}
