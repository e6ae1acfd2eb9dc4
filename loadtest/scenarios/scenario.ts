/** The shape of a scenario. */
import type { Scenario as Execution } from 'k6/options';
import type { Client } from '../client.ts';
import type { ScenarioName, Settings } from '../settings.ts';

/** What `prepare` hands to the senders; k6 passes it on as JSON. */
export interface Prepared {
  /** The run's beginning by the ledger's clock, ms since 1970; at most a second early. */
  readonly startedMs: number;
  /** Of scenarios with documents. */
  readonly datasetId?: string;
}

export interface Run {
  readonly client: Client;
  readonly settings: Settings;
  readonly prepared: Prepared;
}

export interface Scenario {
  readonly name: ScenarioName;
  /** One line for the report: what is sent, and how. */
  describe(settings: Settings): string;
  /** Sends tasks that are only there with MILLRACE_SAMPLE_TASKS=true. */
  readonly needsSampleTasks: boolean;
  /** How k6 starts `run`. */
  execution(settings: Settings): Execution;
  /** Thresholds besides those that all scenarios have, by the name of the metric. */
  thresholds(settings: Settings): Readonly<Record<string, readonly string[]>>;
  prepare(run: Omit<Run, 'prepared'>): Promise<Prepared>;
  /** One iteration: sends, waits for the ends, accounts for all of it. */
  run(run: Run): Promise<void>;
  /** Removes what it made. */
  clean?(run: Run): Promise<void>;
}
