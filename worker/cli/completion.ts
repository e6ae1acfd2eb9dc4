/** Completion scripts, made from the commands there are: names of commands and options; files where an argument is one. */
import type { Command } from 'commander';

export const shells = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof shells)[number];

interface Entry {
  /** Words up to here, as `dlq list`; empty for the program itself. */
  readonly path: string;
  readonly commands: readonly { readonly name: string; readonly summary: string }[];
  readonly options: readonly {
    readonly long: string;
    readonly short: string | undefined;
    readonly summary: string;
    readonly takesValue: boolean;
  }[];
  readonly takesFiles: boolean;
}

function entriesOf(command: Command, path: readonly string[] = []): Entry[] {
  const entry: Entry = {
    path: path.join(' '),
    commands: command.commands.map((sub) => ({ name: sub.name(), summary: sub.description() })),
    options: [
      ...command.options.flatMap(({ long, short, description, required, optional }) =>
        long ? [{ long, short: short ?? undefined, summary: description, takesValue: required || optional }] : [],
      ),
      { long: '--help', short: '-h', summary: 'what there is', takesValue: false },
    ],
    takesFiles: command.registeredArguments.some((argument) => /file/.test(argument.name())),
  };
  return [entry, ...command.commands.flatMap((sub) => entriesOf(sub, [...path, sub.name()]))];
}

const words = (entry: Entry): string =>
  [...entry.commands.map(({ name }) => name), ...entry.options.map(({ long }) => long)].join(' ');

/** The script for a shell, to be sourced. */
export function completionScript(program: Command, shell: Shell): string {
  const entries = entriesOf(program);
  return { bash, zsh, fish }[shell](program.name(), entries);
}

/** Words that are no option lead down as long as they name commands. */
const walk = (entries: readonly Entry[]) => `  local chosen='' word
  for word in "\${before[@]}"; do
    case "$chosen $word" in
${entries
  .filter(({ path }) => path !== '')
  .map(({ path }) => `      '${path.includes(' ') ? path : ` ${path}`}') chosen='${path}' ;;`)
  .join('\n')}
    esac
  done`;

const bash = (
  name: string,
  entries: readonly Entry[],
): string => `# bash completion of ${name}: source <(${name} completion bash)
_${name}() {
  local current="\${COMP_WORDS[COMP_CWORD]}" before=("\${COMP_WORDS[@]:1:COMP_CWORD-1}")
${walk(entries)}
  local known='' files=''
  case "$chosen" in
${entries.map((entry) => `    '${entry.path}') known='${words(entry)}'${entry.takesFiles ? ' files=1' : ''} ;;`).join('\n')}
  esac
  COMPREPLY=()
  while IFS='' read -r word; do COMPREPLY+=("$word"); done < <(compgen -W "$known" -- "$current")
  if [ -n "$files" ] || [ "\${COMP_WORDS[COMP_CWORD-1]}" = '--api-key-file' ]; then
    while IFS='' read -r word; do COMPREPLY+=("$word"); done < <(compgen -f -- "$current")
  fi
}
complete -o filenames -F _${name} ${name}
`;

const quoted = (text: string) => text.replaceAll("'", "'\\''");

const zsh = (name: string, entries: readonly Entry[]): string =>
  `#compdef ${name}
# zsh completion of ${name}: source <(${name} completion zsh)
_${name}() {
  local before=("\${(@)words[2,CURRENT-1]}")
${walk(entries)}
  local -a known
  local files=''
  case "$chosen" in
${entries
  .map(
    (entry) =>
      `    '${entry.path}') known=(${[
        ...entry.commands,
        ...entry.options.map(({ long, summary }) => ({ name: long, summary })),
      ]
        .map(({ name: word, summary }) => `'${quoted(`${word}:${summary}`)}'`)
        .join(' ')})${entry.takesFiles ? ' files=1' : ''} ;;`,
  )
  .join('\n')}
  esac
  _describe '${name}' known
  if [[ -n "$files" || "\${words[CURRENT-1]}" = '--api-key-file' ]]; then _files; fi
}
compdef _${name} ${name}
`;

const fish = (name: string, entries: readonly Entry[]): string => {
  const quote = (text: string) => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
  const lines = entries.flatMap((entry) => {
    const condition = `-n ${quote(`__${name}_at '${entry.path}'`)}`;
    return [
      ...entry.commands.map(
        ({ name: word, summary }) => `complete -c ${name} ${condition} -f -a ${word} -d ${quote(summary)}`,
      ),
      ...entry.options.map(
        ({ long, short, summary, takesValue }) =>
          `complete -c ${name} ${condition} -l ${long.slice(2)}${short ? ` -s ${short.slice(1)}` : ''}${takesValue ? ' -r' : ''} -d ${quote(summary)}`,
      ),
      ...(entry.takesFiles ? [`complete -c ${name} ${condition} -F`] : []),
    ];
  });
  const paths = entries.filter(({ path }) => path !== '').map(({ path }) => quote(path));
  return `# fish completion of ${name}: ${name} completion fish | source
function __${name}_at
  set -l known ${paths.join(' ')}
  set -l chosen ''
  for word in (commandline -opc)[2..-1]
    set -l next (string trim -- "$chosen $word")
    contains -- $next $known; and set chosen $next
  end
  test "$chosen" = "$argv[1]"
end
complete -c ${name} -f
${lines.join('\n')}
`;
};
