/** The recordings of the guide show commands that there are. */
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import type { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import { readProgram } from '../../../worker/cli/program.ts';
import { root } from '../pages-on-disk.ts';
import { commandsOf } from './svg.ts';

const folder = path.join(root, 'docs/recordings');
const recordings = readdirSync(folder).map((file) => ({ file, svg: readFileSync(path.join(folder, file), 'utf8') }));
const guide = readFileSync(path.join(root, 'docs/guides/command-line.md'), 'utf8');
const maxBytes = 64 * 1024;

const program = readProgram();

/** What a command line names that is not there. */
function unknownIn(line: string): string[] {
  const [name, ...words] = line.split(' ');
  let command: Command = program;
  const unknown = name === program.name() ? [] : [name ?? ''];
  for (const word of words) {
    const next = command.commands.find((sub) => sub.name() === word);
    if (next) command = next;
    else if (word.startsWith('--') && !command.options.some(({ long }) => long === word)) unknown.push(word);
    else if (command.commands.length > 0) unknown.push(word);
  }
  return unknown;
}

it('should see what is no command and no option', () => {
  expect(unknownIn('millrace inspect active --json')).toEqual([]);
  expect(unknownIn('millrace inspect dreams')).toEqual(['dreams']);
  expect(unknownIn('millrace watch --count 3 --loudly')).toEqual(['--loudly']);
});

it('should show why, watch and inspect', () => {
  expect(recordings.map(({ file }) => file).sort()).toEqual(['inspect.svg', 'watch.svg', 'why.svg']);
});

describe.each(recordings)('docs/recordings/$file', ({ file, svg }) => {
  it('should show commands and options that there are', () => {
    const commands = commandsOf(svg);
    expect(commands.length).toBeGreaterThan(0);
    expect(commands.flatMap(unknownIn)).toEqual([]);
    expect(commands.some((line) => line.startsWith(`millrace ${path.basename(file, '.svg')}`))).toBe(true);
  });

  it('should stand in the guide, and be small', () => {
    expect(guide).toContain(`(../recordings/${file})`);
    expect(Buffer.byteLength(svg)).toBeLessThan(maxBytes);
  });
});
