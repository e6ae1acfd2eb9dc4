import { execFileSync } from 'node:child_process';
import { lstatSync } from 'node:fs';

/** The files git holds or would take (not ignored), as they lie in the tree: no links, none that were just deleted. */
export function trackedFiles(): readonly string[] {
  return execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], {
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  })
    .split('\0')
    .filter((path) => path !== '' && (lstatSync(path, { throwIfNoEntry: false })?.isFile() ?? false));
}
