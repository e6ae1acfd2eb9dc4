import { readFileSync } from 'node:fs';
import { relative } from 'node:path';

export interface Counts {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  /** What failed, each by its name with the first lines of why: said again at the end, where a cut log still has it. */
  readonly failures: readonly string[];
}

export interface Suite {
  readonly name: string;
  /** What it should take once everything is set up; going over it is said, and fails nothing. */
  readonly budgetSeconds: number;
  /** When it is ended by force, with all it started. */
  readonly limitSeconds: number;
  /** The command, given where to write its report. Run from the root, through tools/run. */
  command(reportFile: string): readonly string[];
  /** Reads that report; undefined stands for "no report": the exit code alone counts. */
  readonly counts?: (reportFile: string) => Counts;
}

const setUp: Suite = {
  name: 'set-up',
  // on a machine that has nothing yet
  budgetSeconds: 720,
  limitSeconds: 2_400,
  command: () => ['tools/setup', '--for', 'test'],
};

const check: Suite = {
  name: 'check',
  budgetSeconds: 60,
  limitSeconds: 600,
  command: (reportFile) => ['node', 'tools/check/main.ts', '--report', reportFile],
  counts: (reportFile) => JSON.parse(readFileSync(reportFile, 'utf8')),
};

function vitest(project: string, budgetSeconds: number, limitSeconds: number): Suite {
  return {
    name: project,
    budgetSeconds,
    limitSeconds,
    command: (reportFile) => [
      'node_modules/.bin/vitest',
      'run',
      '--project',
      project,
      '--passWithNoTests',
      '--reporter=default',
      '--reporter=json',
      `--outputFile.json=${reportFile}`,
    ],
    counts: (reportFile) => vitestCounts(JSON.parse(readFileSync(reportFile, 'utf8'))),
  };
}

/** The suites in the order in which `make test` runs them: the quick ones first. */
export const suites: readonly Suite[] = [
  setUp,
  check,
  vitest('unit', 180, 600),
  vitest('integration', 720, 2_400),
  vitest('faults', 900, 2_400),
  // 15 min of deployments and 5 of load tests
  vitest('infra', 1_200, 2_700),
];

/** The part of vitest's JSON report that is read here. */
export interface VitestReport {
  readonly success: boolean;
  readonly testResults: readonly {
    readonly status: string;
    readonly name?: string;
    readonly message?: string;
    readonly assertionResults: readonly {
      readonly status: string;
      readonly fullName?: string;
      readonly failureMessages?: readonly string[] | null;
    }[];
  }[];
}

const maxFailureLines = 12;

/** A failure's name and the first lines of why, indented below it. */
export function failureText(name: string, why = ''): string {
  const lines = why.trimEnd().split('\n').slice(0, maxFailureLines);
  return [name, ...lines.map((line) => `    ${line}`)].join('\n').trimEnd();
}

/** A file that failed without a failed test (it did not load, or a hook threw) counts as one failed. */
export function vitestCounts({ success, testResults }: VitestReport): Counts {
  const tests = testResults.flatMap(({ assertionResults }) => assertionResults);
  const withStatus = (status: string) => tests.filter((test) => test.status === status).length;
  const brokenFiles = testResults.filter(
    ({ status, assertionResults }) => status === 'failed' && !assertionResults.some((test) => test.status === 'failed'),
  );
  const passed = withStatus('passed');
  const failures = [
    ...brokenFiles.map(({ name = 'a file', message }) => failureText(relative(process.cwd(), name), message)),
    ...testResults.flatMap(({ name = '', assertionResults }) =>
      assertionResults
        .filter(({ status }) => status === 'failed')
        .map(({ fullName = 'a test', failureMessages }) =>
          failureText(`${relative(process.cwd(), name)}: ${fullName}`, failureMessages?.join('\n')),
        ),
    ),
  ];
  const failed = failures.length;
  // An unhandled rejection fails the run and no test: it must still count.
  const elsewhere = !success && failed === 0 ? ['an error outside of every test; its text is further up'] : [];
  return {
    passed,
    failed: failed + elsewhere.length,
    skipped: tests.length - passed - withStatus('failed'),
    failures: [...failures, ...elsewhere],
  };
}
