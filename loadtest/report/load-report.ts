/** What a run came to: what the JSON file holds. */
import type { Stage } from './names.ts';

/** Milliseconds: `min`, `avg`, `max`, `p(50)` and so on; `count` is a number of samples. */
export type StageFigures = Readonly<Record<string, number>>;

export interface Threshold {
  readonly metric: string;
  /** As k6 writes it: `p(95)<=500`; of an account that is not whole, `count==completed+failed+lost`. */
  readonly expression: string;
  readonly ok: boolean;
}

export interface LoadReport {
  readonly scenario: string;
  readonly description: string;
  readonly url: string;
  /** ISO 8601, when the report was written. */
  readonly writtenAt: string;
  /** Every threshold was held, and every accepted task is accounted for. */
  readonly passed: boolean;
  /** Of the whole run, as k6 tells it. */
  readonly seconds: number;
  /** Worker processes when the run began. */
  readonly workers: number;
  readonly tasks: {
    readonly accepted: number;
    readonly completed: number;
    readonly failed: number;
    readonly lost: number;
    readonly refused: number;
  };
  /** Tasks that ended a second, from the first accepted (in `scaling`: the first claimed) to the last end, by the ledger's clock. */
  readonly throughput: number;
  readonly stages: Readonly<Partial<Record<Stage, StageFigures>>>;
  /** By second of the run, by the ledger's clock. */
  readonly overTime: { readonly accepted: readonly number[]; readonly ended: readonly number[] };
  readonly thresholds: readonly Threshold[];
}
