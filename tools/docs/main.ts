/**
 * `npm run docs:write` writes the generated pages; `npm run docs:check` changes nothing and exits 1 when one of them is not what
 * the code says now.
 */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { generatePages } from './pages.ts';

const root = path.resolve(import.meta.dirname, '../..');

async function stored(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}

const [mode] = process.argv.slice(2);
if (mode !== 'write' && mode !== 'check') {
  console.error('usage: node tools/docs/main.ts write|check');
  process.exit(2);
}
const stale: string[] = [];
for (const page of await generatePages()) {
  const file = path.join(root, page.path);
  if ((await stored(file)) === page.text) continue;
  stale.push(page.path);
  if (mode === 'check') continue;
  await mkdir(path.dirname(file), { recursive: true });
  await writeFile(file, page.text);
}
if (mode === 'write')
  console.log(stale.length === 0 ? 'All generated pages were up to date.' : `Wrote ${stale.join(', ')}.`);
else if (stale.length > 0) {
  console.error(`These pages are not what the code says now: ${stale.join(', ')}.\nRun: npm run docs:write`);
  process.exit(1);
}
