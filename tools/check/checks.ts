import { readFileSync } from 'node:fs';

export interface Check {
  readonly name: string;
  /** Exit code 0 stands for "in order", 69 for "not checked", with why on its first line. Run from the root; it changes nothing. */
  readonly command: readonly string[];
}

const bin = (name: string) => `node_modules/.bin/${name}`;

const always: readonly Check[] = [
  { name: 'types', command: [bin('tsc'), '-p', '.'] },
  { name: 'dead code', command: [bin('knip'), '--no-progress'] },
  { name: 'arrows', command: [bin('depcruise'), '--config', '.dependency-cruiser.cjs', '.'] },
  { name: 'format and lint', command: [bin('biome'), 'check', '--diagnostic-level=warn', '.'] },
  { name: 'stacks', command: ['node', 'tools/check/stacks.ts'] },
  { name: 'compose files', command: ['node', 'tools/check/compose-files.ts'] },
  { name: 'shell scripts', command: ['node', 'tools/check/shell-scripts.ts'] },
  { name: 'Dockerfiles', command: ['node', 'tools/check/dockerfiles.ts'] },
  { name: 'portable', command: ['node', 'tools/check/portable.ts'] },
];

/** All checks, slowest first; generated docs are checked once package.json has the script for it. */
export function checks(): readonly Check[] {
  const { scripts = {} }: { scripts?: Record<string, string> } = JSON.parse(readFileSync('package.json', 'utf8'));
  const docs: Check = { name: 'generated docs', command: ['npm', 'run', '--silent', 'docs:check'] };
  return scripts['docs:check'] === undefined ? always : [...always, docs];
}
