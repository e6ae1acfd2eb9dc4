/** What a run is told by the environment (`k6 run -e NAME=value`, or the shell's own variables). */

export const scenarioNames = ['smoke', 'throughput', 'latency', 'indexing', 'scaling'] as const;
export type ScenarioName = (typeof scenarioNames)[number];

/** How much is sent, with the least and the greatest that is taken; each scenario has a default of its own. */
const sizes = {
  /** Tasks of `throughput`, and the backlog of `scaling`. */
  LOADTEST_TASKS: { least: 1, most: 1_000_000, unit: 'tasks' },
  /** Who sends side by side: in `throughput`, `smoke` and `indexing`. */
  LOADTEST_SENDERS: { least: 1, most: 256, unit: 'senders' },
  /** Documents of `smoke` and `indexing`. */
  LOADTEST_DOCUMENTS: { least: 1, most: 100_000, unit: 'documents' },
} as const;
export type SizeName = keyof typeof sizes;

/** The longest that a drain may take. */
export const mostDrainSeconds = 3600;

/** What scenarios are shaped and judged by, with the same default in all of them. */
const numbers = {
  /** Tasks in one request of `throughput`. */
  LOADTEST_BATCH: { default: 100, least: 1, most: 1000, unit: 'tasks' },
  /** Tasks a second of `latency`. */
  LOADTEST_RATE: { default: 50, least: 1, most: 10_000, unit: 'tasks/s' },
  /** How long `latency` sends. */
  LOADTEST_SECONDS: { default: 30, least: 1, most: 3600, unit: 's' },
  /** How long a task of `scaling` waits, as one does that waits for the network. */
  LOADTEST_SLEEP_MS: { default: 1000, least: 1, most: 60_000, unit: 'ms' },
  /** How long the drain waits for the end of what was accepted. */
  LOADTEST_DRAIN_SECONDS: { default: 300, least: 1, most: mostDrainSeconds, unit: 's' },
  /** Goal of `latency`: 95 of 100 tasks are claimed within this time of being accepted. */
  LOADTEST_WAIT_P95_MS: { default: 500, least: 1, most: 3_600_000, unit: 'ms' },
  /** Goal of `throughput` and `latency`: 95 of 100 tasks, which do nothing, end within this time of being claimed. */
  LOADTEST_SERVICE_P95_MS: { default: 500, least: 1, most: 3_600_000, unit: 'ms' },
  /** Goal of `latency`: 95 of 100 tasks end within this time of being accepted. */
  LOADTEST_END_TO_END_P95_MS: { default: 1000, least: 1, most: 3_600_000, unit: 'ms' },
  /** Goal of `throughput`, `latency` and `scaling`: 95 of 100 requests are answered within this time. */
  LOADTEST_ENQUEUE_P95_MS: { default: 1000, least: 1, most: 3_600_000, unit: 'ms' },
  /** Goal of `throughput`, in tasks that end a second, by the ledger's times. */
  LOADTEST_MIN_THROUGHPUT: { default: 50, least: 0, most: 1_000_000, unit: 'tasks/s' },
} as const;
export type NumberName = keyof typeof numbers;
export const numberNames = Object.keys(numbers) as NumberName[];

const bounds = { ...sizes, ...numbers };
type Name = keyof typeof bounds;
const names = Object.keys(bounds) as Name[];

const texts = ['LOADTEST_OUT', 'SCENARIO'];

export interface Settings {
  readonly scenario: ScenarioName;
  /** Of the API, without a slash at its end. */
  readonly url: string;
  /** Folder of the reports, seen from where k6 was started, which must be there; undefined: `loadtest/reports`. */
  readonly out: string | undefined;
  /** What was given, else the default. */
  number(name: NumberName): number;
  /** What was given, else `otherwise`, the scenario's own default. */
  size(name: SizeName, otherwise: number): number;
}

export interface ReadSettings {
  readonly settings: Settings;
  /** Sentences: what was expected, what came instead. Defaults stand in for what is at fault. */
  readonly faults: readonly string[];
}

type Environment = Readonly<Record<string, string | undefined>>;

/** Reads `env`; names of ours that are misspelt are faults, as are numbers out of bounds. */
export function readSettings(env: Environment): ReadSettings {
  const faults: string[] = [];
  const known = new Set<string>([...names, ...texts]);
  for (const name of Object.keys(env)) {
    if (name.startsWith('LOADTEST_') && !known.has(name)) {
      faults.push(`${name} is no setting of the load test; these are: ${[...known].join(', ')}.`);
    }
  }
  const given = new Map<Name, number>();
  for (const name of names) {
    const value = numberOf(name, env[name], faults);
    if (value !== undefined) given.set(name, value);
  }
  const settings: Settings = {
    scenario: scenarioOf(env.SCENARIO, faults),
    url: urlOf(env.MILLRACE_URL, faults),
    out: env.LOADTEST_OUT || undefined,
    number: (name) => given.get(name) ?? numbers[name].default,
    size: (name, otherwise) => given.get(name) ?? otherwise,
  };
  return { settings, faults };
}

function numberOf(name: Name, text: string | undefined, faults: string[]): number | undefined {
  if (text === undefined || text === '') return undefined;
  const { least, most, unit } = bounds[name];
  const value = Number(text);
  if (Number.isInteger(value) && value >= least && value <= most) return value;
  faults.push(`${name}: expected a whole number from ${least} to ${most} (${unit}), instead got "${text}".`);
  return undefined;
}

function scenarioOf(text: string | undefined, faults: string[]): ScenarioName {
  const wanted = text || 'smoke';
  const scenario = scenarioNames.find((name) => name === wanted);
  if (scenario !== undefined) return scenario;
  faults.push(`SCENARIO: expected one of ${scenarioNames.join(', ')}, instead got "${wanted}".`);
  return 'smoke';
}

function urlOf(text: string | undefined, faults: string[]): string {
  const url = (text || 'http://127.0.0.1:5001').replace(/\/+$/, '');
  // k6 has no URL class
  if (/^https?:\/\/[^/\s?#]+(?:\/[^\s?#]*)?$/.test(url)) return url;
  faults.push(`MILLRACE_URL: expected an address as http://127.0.0.1:5001, instead got "${text}".`);
  return url;
}
