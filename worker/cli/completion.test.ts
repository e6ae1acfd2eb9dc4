import { spawnSync } from 'node:child_process';
import type { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import { completionScript, shells } from './completion.ts';
import { readProgram } from './program.ts';

const program = readProgram();

const everyCommand = (command: Command): Command[] => [command, ...command.commands.flatMap(everyCommand)];

describe.each(shells)('the completion of %s', (shell) => {
  const script = completionScript(program, shell);

  it('should know every command and every option', () => {
    for (const command of everyCommand(program).slice(1)) {
      expect(script).toContain(command.name());
      for (const { long } of command.options) expect(script).toContain(long?.slice(2));
    }
  });
});

describe('the completion of bash, in bash', () => {
  /** What is offered for a line whose last word is being typed. */
  function offered(...words: string[]): string[] {
    const line = words.map((word) => `'${word}'`).join(' ');
    const ask = `COMP_WORDS=(millrace ${line}); COMP_CWORD=${words.length}; _millrace; printf '%s\\n' "\${COMPREPLY[@]}"`;
    const { stdout, stderr, status } = spawnSync('bash', ['-c', `${completionScript(program, 'bash')}\n${ask}`], {
      cwd: import.meta.dirname,
      encoding: 'utf8',
      timeout: 10_000,
    });
    expect({ stderr, status }).toEqual({ stderr: '', status: 0 });
    return stdout.split('\n').filter((word) => word !== '');
  }

  it('should complete commands, commands of commands, and options', () => {
    expect(offered('wh')).toEqual(['why']);
    expect(offered('dlq', 're')).toEqual(['retry']);
    expect(offered('dlq', 'retry', '--a')).toEqual(['--api-key-file', '--all']);
    expect(offered('inspect', '')).toEqual(
      expect.arrayContaining(['active', 'scheduled', 'reserved', 'registered', 'stats']),
    );
  });

  it('should offer files where files are wanted', () => {
    expect(offered('index', 'completion.t')).toEqual(
      ['completion.test.ts', 'completion.ts'].filter((name) => name.startsWith('completion.t')),
    );
    expect(offered('queues', '--api-key-file', 'progr')).toEqual(['program.ts']);
    expect(offered('queues', 'progr')).toEqual([]);
  });
});
