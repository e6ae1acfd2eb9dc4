/** The page that says which test holds which rule. */
import { chapters } from './chapters.ts';
import type { Chapter, Mutant } from './mutant.ts';

const cell = (text: string) => text.replaceAll('|', '\\|');

const row = ({ id, rule, test }: Mutant) =>
  `| ${cell(rule)} | \`${id}\` | \`${test.file}\`${test.name === undefined ? '' : `: ${cell(test.name)}`} |`;

function chapterText({ title, mutants, otherwise = [] }: Chapter): string {
  const rows = ['| rule | id | test that fails without it |', '| --- | --- | --- |', ...mutants.map(row)];
  const rest = otherwise.map(({ rule, by }) => `- ${rule} ${by}`);
  return [
    `## ${title}`,
    rows.join('\n'),
    ...(rest.length > 0 ? ['Held otherwise, or not there yet:', rest.join('\n')] : []),
  ].join('\n\n');
}

/** Markdown, without the note on where it comes from. */
export const deliveryTestsPage = (): string =>
  [
    '# Rules of delivery and their tests',
    `Each rule of delivery, and the test that fails when the rule is broken. \`make mutants\` shows it: it breaks one rule after the
other in a copy of the tree and runs that test (\`make mutants MUTANTS="fence-epoch effect-once"\` some of them,
\`MUTANTS=--no-docker\` those that need no Docker). Why the rules stand as they do is told in
[the model of delivery](delivery-model.md), what they add up to in [Guarantees](guarantees.md).`,
    ...chapters.map(chapterText),
  ].join('\n\n');
