/**
 * `make mutants`: breaks one rule of delivery after the other in a copy of the tree, and runs the test that must then fail. Each test
 * is first shown to pass unbroken. Exit 1 when a rule survives, or nothing can be said of one.
 */
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { readOptions } from '../options.ts';
import { mutants } from './chapters.ts';
import { breakRule, type Mutant, needsOf, type TestOf } from './mutant.ts';
import { patternOf, runTest, type Verdict } from './run-test.ts';
import { copyTree } from './tree.ts';

const { values, positionals } = readOptions({
  usage:
    'make mutants [MUTANTS="id … [--no-docker]"]: --no-docker leaves out rules whose test needs Docker, --unit those whose test needs a server',
  allowPositionals: true,
  options: { 'no-docker': { type: 'boolean', default: false }, unit: { type: 'boolean', default: false } },
});
const unknown = positionals.filter((id) => !mutants.some((mutant) => mutant.id === id));
if (unknown.length > 0) {
  console.error(`There is no rule ${unknown.join(', ')}; docs/delivery-tests.md lists them.`);
  process.exit(2);
}

const mayRun = (mutant: Mutant) =>
  needsOf(mutant) === 'nothing' || (!values.unit && (needsOf(mutant) === 'redis' || !values['no-docker']));
const asked = mutants.filter(({ id }) => positionals.length === 0 || positionals.includes(id));
const chosen = asked.filter(mayRun);
const counts = { killed: 0, survived: 0, 'not applicable': 0 };

const say = (what: keyof typeof counts, { id }: Mutant, seconds: number, why: string) => {
  counts[what] += 1;
  console.log(`${what.padEnd(14)} ${id.padEnd(34)} ${seconds.toFixed(1).padStart(5)} s  ${why}`);
};

const root = path.resolve(import.meta.dirname, '../..');
await using tree = await copyTree(root);
process.chdir(tree.root);

/** How tests go unbroken: a file as a whole where it needs no servers, else those of one name. */
const unbroken = new Map<string, Verdict>();
async function faultUnbroken({ file, name, needs }: TestOf): Promise<string | undefined> {
  const test: TestOf = needs === undefined || name === undefined ? { file } : { file, name };
  const key = `${file} ${test.name ?? ''}`;
  const verdict = unbroken.get(key) ?? (await runTest(tree.root, test));
  unbroken.set(key, verdict);
  if (verdict.kind !== 'passed') return `its test does not pass unbroken: ${verdict.why}`;
  const pattern = patternOf(name ?? '');
  return verdict.tests.some((one) => pattern.test(one)) ? undefined : 'no test has that name';
}

async function tryMutant(mutant: Mutant): Promise<void> {
  const file = path.join(tree.root, mutant.file);
  const source = await readFile(file, 'utf8');
  let broken: string;
  try {
    broken = breakRule(mutant, source);
  } catch (error) {
    say('not applicable', mutant, 0, error instanceof Error ? error.message : String(error));
    return;
  }
  const fault = await faultUnbroken(mutant.test);
  if (fault !== undefined) {
    say('not applicable', mutant, 0, fault);
    return;
  }
  try {
    await writeFile(file, broken);
    const verdict = await runTest(tree.root, mutant.test);
    if (verdict.kind === 'passed') say('survived', mutant, verdict.seconds, mutant.rule);
    else say(verdict.kind === 'failed' ? 'killed' : 'not applicable', mutant, verdict.seconds, verdict.why);
  } finally {
    await writeFile(file, source);
  }
}

for (const mutant of chosen) await tryMutant(mutant);

const left = asked.length - chosen.length;
console.log(
  `${counts.killed} killed, ${counts.survived} survived, ${counts['not applicable']} not applicable${left > 0 ? `, ${left} left out` : ''}`,
);
process.chdir(root);
process.exitCode = counts.survived + counts['not applicable'] > 0 ? 1 : 0;
