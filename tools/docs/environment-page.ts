/** docs/reference/environment.md, from worker/config/variables. */
import type { Variable } from '../../worker/config/variable.ts';
import { variableGroups } from '../../worker/config/variables/index.ts';
import { code, table } from './markdown.ts';

const intro = `A process reads its environment once, at start. What is wrong is listed all at once, each fault with the name of its
variable, and the process exits with code 78 before it has touched anything. \`tools/run node worker/cli/main.ts config\` prints
what the environment of this shell comes to, with secrets masked.

- **Files for secrets.** Any \`NAME\` below can come as \`NAME_FILE\`, the path of a file that holds the value; the file's last line
  end is dropped. Setting both is a fault.
- **Empty is unset.** \`NAME=\` counts as if the variable were not there.
- **Misspelt names.** A variable that starts with \`MILLRACE_\` and is not listed here is a fault. \`MILLRACE_CACHE\`, the folder that
  \`tools/setup\` keeps what it builds in, is let through: it is no variable of the worker.
- **Names from elsewhere.** Names without that prefix are those of Dify (and, where said, of AIECS), with their meaning.
- **Storage options.** Each OpenDAL service has options of its own. They are passed through from \`OPENDAL_<SCHEME>_<OPTION>\`, as
  \`OPENDAL_S3_BUCKET\` for \`OPENDAL_SCHEME=s3\`, and can come from files too.`;

function row([name, variable]: [string, Variable<unknown>]): string[] {
  const meaning = variable.secret ? `${variable.doc} *Secret: masked wherever it is printed.*` : variable.doc;
  return [code(name), variable.accepts, variable.default === undefined ? 'unset' : code(variable.default), meaning];
}

export function environmentPage(): string {
  const groups = Object.entries(variableGroups).map(([title, group]) =>
    [`## ${title}`, table(['variable', 'accepts', 'default', 'meaning'], Object.entries(group).map(row))].join('\n\n'),
  );
  return ['# Environment variables', intro, ...groups].join('\n\n');
}
