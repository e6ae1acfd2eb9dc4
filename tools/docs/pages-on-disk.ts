/** The Markdown pages of the repository. */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';

export const root = path.resolve(import.meta.dirname, '../..');

export interface Page {
  /** From the root. */
  readonly file: string;
  readonly text: string;
}

/** Paths of all files that are tracked, or would be: ignored ones are left out. */
export function repositoryFiles(): string[] {
  const listed = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard', '-z'], {
    cwd: root,
    encoding: 'utf8',
  });
  return listed.split('\0').filter((file) => file !== '' && existsSync(path.join(root, file)));
}

/** Sample documents are no pages of ours. */
const isSample = (file: string) => file.startsWith('test/fixtures/documents/') && path.basename(file) !== 'README.md';

export function markdownPages(): Page[] {
  return repositoryFiles()
    .filter((file) => file.endsWith('.md') && !isSample(file))
    .map((file) => ({ file, text: readFileSync(path.join(root, file), 'utf8') }));
}
