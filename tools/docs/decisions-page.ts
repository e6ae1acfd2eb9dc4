/** docs/decisions/README.md, from the headings of the decisions. */
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';

const folder = path.resolve(import.meta.dirname, '../../docs/decisions');
const fileName = /^(\d{4})-[a-z0-9-]+\.md$/;

const intro = `What somebody may want to undo: what was decided, why, what it costs, what else was weighed, and how to undo it. One page each, named
\`NNNN-title.md\`, with the number at the head of the heading; numbers are never used twice.`;

/** @throws when a page's heading does not begin with its number */
export async function decisionsPage(): Promise<string> {
  const files = (await readdir(folder)).filter((file) => fileName.test(file)).sort();
  const lines = await Promise.all(
    files.map(async (file) => {
      const number = fileName.exec(file)?.[1] ?? '';
      const [, title] =
        new RegExp(`^# ${number}:? (.+)$`, 'm').exec(await readFile(path.join(folder, file), 'utf8')) ?? [];
      if (title === undefined) throw new Error(`docs/decisions/${file} has no heading "# ${number} Title".`);
      return `- [${number}](${file}) ${title.charAt(0).toUpperCase()}${title.slice(1)}`;
    }),
  );
  return ['# Decisions', intro, lines.join('\n')].join('\n\n');
}
