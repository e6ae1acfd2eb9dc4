/** Runs the test of a rule in a copy of the tree, and says how it went. */
import { readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import { runGroup } from '../process-group.ts';
import type { TestOf } from './mutant.ts';

export type Verdict =
  /** With the full names of the tests that ran. */
  | { readonly kind: 'passed'; readonly tests: readonly string[] }
  | { readonly kind: 'failed'; readonly why: string }
  /** It says nothing of the rule: no test ran, or the file did not load. */
  | { readonly kind: 'unclear'; readonly why: string };

/** A test that takes longer is ended; hooks start servers. */
const unitSeconds = 60;
const integrationSeconds = 240;

interface Report {
  readonly testResults: readonly {
    readonly message: string;
    readonly assertionResults: readonly {
      readonly fullName: string;
      readonly status: string;
      readonly failureMessages: readonly string[];
    }[];
  }[];
}

/** Matches full names that hold this one; between the names of suites and tests stands a blank or ` > `, as vitest pleases. */
export const patternOf = (name: string): RegExp =>
  new RegExp(name.replaceAll(/[$()*+./?[\\\]^{|}]/g, '\\$&').replaceAll(' ', '(?: > | )'));
const firstLine = (text: string | undefined) => (text ?? '').split('\n')[0]?.slice(0, 160) ?? '';

/** @param tree the current directory of this process */
export async function runTest(tree: string, { file, name }: TestOf): Promise<Verdict & { readonly seconds: number }> {
  const report = path.join(tree, 'mutant-report.json');
  await rm(report, { force: true });
  const isUnit = !file.startsWith('test/');
  const limitSeconds = isUnit ? unitSeconds : integrationSeconds;
  const { timedOut, seconds } = await runGroup(
    [
      process.execPath,
      'node_modules/vitest/vitest.mjs',
      'run',
      '--project',
      isUnit ? 'unit' : 'integration',
      file,
      ...(name === undefined ? [] : ['-t', patternOf(name).source]),
      '--reporter=json',
      `--outputFile=${report}`,
    ],
    { limitSeconds, stdio: 'ignore' },
  );
  if (timedOut) return { kind: 'failed', why: `no end within ${limitSeconds} s`, seconds };
  return { ...verdictOf(await readFile(report, 'utf8').catch(() => undefined)), seconds };
}

/** @param text JSON of vitest's reporter; undefined when it wrote none */
export function verdictOf(text: string | undefined): Verdict {
  if (text === undefined) return { kind: 'unclear', why: 'vitest wrote no report' };
  const { testResults }: Report = JSON.parse(text);
  const tests = testResults.flatMap(({ assertionResults }) => assertionResults);
  const failed = tests.find(({ status }) => status === 'failed');
  if (failed) return { kind: 'failed', why: firstLine(failed.failureMessages[0]) };
  const message = testResults.map((result) => result.message).find((one) => one !== '');
  if (message !== undefined) return { kind: 'unclear', why: firstLine(message) };
  const passed = tests.filter(({ status }) => status === 'passed').map(({ fullName }) => fullName);
  return passed.length > 0 ? { kind: 'passed', tests: passed } : { kind: 'unclear', why: 'no test has that name' };
}
