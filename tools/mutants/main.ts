/**
 * `make mutants`: breaks one rule of delivery after the other in a copy of the tree, and runs the test that must then fail. Each test
 * is first shown to pass unbroken. Exit 1 when a rule survives, or nothing can be said of one.
 */
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { mutants } from './chapters.ts';
import { breakRule, type Mutant, needsOf, type TestOf } from './mutant.ts';
import { runTest } from './run-test.ts';
import { copyTree } from './tree.ts';

const { values, positionals } = parseArgs({
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

/** Whether tests pass unbroken, by file and name: asked once of each. */
const proven = new Map<string, Promise<string | undefined>>();
const provenOf = (test: TestOf) => {
  const key = `${test.file} ${test.name ?? ''}`;
  const known = proven.get(key) ?? faultUnbroken(test);
  proven.set(key, known);
  return known;
};
async function faultUnbroken(test: TestOf): Promise<string | undefined> {
  const verdict = await runTest(tree.root, test);
  return verdict.kind === 'passed' ? undefined : `its test does not pass unbroken: ${verdict.why}`;
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
  const fault = await provenOf(mutant.test);
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
