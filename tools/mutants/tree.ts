/** A copy of this checkout in which rules can be broken. */
import { execFile } from 'node:child_process';
import { rmSync } from 'node:fs';
import { cp, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const maxListBytes = 64 * 1024 * 1024;
/** Folders that tools write into: a hard link there would write into the checkout's own files. */
const written = ['.vite', '.vitest', '.cache'];

export interface Tree extends AsyncDisposable {
  readonly root: string;
}

/**
 * Copies what stands in the checkout, edits included, but for what git ignores. `node_modules` is made of hard links: symlinks would
 * lead back out, and a child that may read its own tree only could not follow them.
 */
export async function copyTree(root: string): Promise<Tree> {
  const copy = await mkdtemp(path.join(tmpdir(), 'millrace-mutants-'));
  // whoever interrupts a run leaves nothing behind either
  const remove = () => rmSync(copy, { recursive: true, force: true });
  process.once('exit', remove);
  const tree: Tree = {
    root: copy,
    [Symbol.asyncDispose]: async () => {
      process.removeListener('exit', remove);
      await rm(copy, { recursive: true, force: true });
    },
  };
  try {
    const { stdout } = await run('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], {
      cwd: root,
      maxBuffer: maxListBytes,
    });
    const files = new Set(stdout.split('\0').filter((file) => file !== ''));
    for (const folder of new Set([...files].map((file) => path.dirname(file))))
      await mkdir(path.join(copy, folder), { recursive: true });
    // one that is tracked and deleted is not there
    for (const file of files)
      await cp(path.join(root, file), path.join(copy, file), { verbatimSymlinks: true }).catch(ignoreMissing);
    await linkPackages(path.join(root, 'node_modules'), copy);
    for (const folder of written) await rm(path.join(copy, 'node_modules', folder), { recursive: true, force: true });
    return tree;
  } catch (error) {
    await tree[Symbol.asyncDispose]();
    throw error;
  }
}

/** Hard links, or copies where the copy stands on another disk. */
async function linkPackages(packages: string, copy: string): Promise<void> {
  try {
    await run('cp', ['-al', packages, copy]);
  } catch {
    await rm(path.join(copy, 'node_modules'), { recursive: true, force: true });
    await run('cp', ['-a', packages, copy]);
  }
}

function ignoreMissing(error: unknown): void {
  if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
}
